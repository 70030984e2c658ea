/** A connection that can be asked whether the other end is still there. */
export interface Peer {
  readonly isReady: boolean;
  ping(): Promise<unknown>;
}

/** Options of a {@link PeerWatch}. */
export interface PeerWatchOptions {
  /** The connections as they are now. */
  readonly peers: () => readonly Peer[];
  /** Milliseconds between two looks. A connection without an unanswered PING gets one. */
  readonly intervalMs: number;
  /** Number of looks after which an unanswered PING means that nobody is there. */
  readonly looks: number;
  /** @param isNew whether one that answered until now is among them. Called at each further look, too. */
  readonly onSilent: (isNew: boolean) => void;
}

/**
 * Notices connections whose other end has vanished without a word. A socket's own time-out does not: every write starts
 * it again. Time is counted in looks, so that a stall of this process, however long, is one of them.
 */
export class PeerWatch {
  readonly #options: PeerWatchOptions;
  /** Looks since the PING of each connection that has not answered it. */
  readonly #waiting = new Map<Peer, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: PeerWatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => {
      // Timers run before answers are read: after a stall, those that have arrived are read first.
      setImmediate(() => {
        this.#look();
      });
    }, options.intervalMs).unref();
  }

  /** Whether one of the connections does not answer. */
  get isSilent(): boolean {
    return [...this.#waiting.values()].some((looks) => looks >= this.#options.looks);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const peers = this.#options.peers().filter(({ isReady }) => isReady);
    for (const peer of this.#waiting.keys()) if (!peers.includes(peer)) this.#waiting.delete(peer);
    for (const peer of peers) this.#lookAt(peer);
    if (this.isSilent) this.#options.onSilent([...this.#waiting.values()].includes(this.#options.looks));
  }

  #lookAt(peer: Peer): void {
    const looks = this.#waiting.get(peer);
    this.#waiting.set(peer, looks === undefined ? 0 : looks + 1);
    if (looks !== undefined) return;
    const answered = (): void => {
      this.#waiting.delete(peer);
    };
    // A connection that failed says so itself.
    peer.ping().then(answered, answered);
  }
}
