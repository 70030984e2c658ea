/** Maximum time that handshakes take of one turn of the event loop, in milliseconds. */
const TURN_MS = 10;

/**
 * Spreads handshakes that arrive together over turns of the event loop, in their order, so that messages of open
 * connections do not wait for all of them. A turn may read the requests of thousands of sockets.
 */
export class HandshakeQueue {
  readonly #maxWaitMs: number;
  readonly #now: () => number;
  readonly #nextTurn: (work: () => void) => void;
  readonly #waiting: { readonly work: () => void; readonly since: number }[] = [];
  /** When the first handshake of this turn came. */
  #turnSince: number | undefined;

  /**
   * @param now milliseconds on a clock that never goes back
   * @param nextTurn calls once everything that has arrived was read
   */
  constructor(
    maxWaitSeconds: number,
    now: () => number = () => performance.now(),
    nextTurn: (work: () => void) => void = setImmediate,
  ) {
    this.#maxWaitMs = maxWaitSeconds * 1000;
    this.#now = now;
    this.#nextTurn = nextTurn;
  }

  /** Whether the first handshake that waits has waited for too long. */
  get isLate(): boolean {
    const [first] = this.#waiting;
    return first !== undefined && this.#now() - first.since > this.#maxWaitMs;
  }

  /** Handles a handshake: at once, or behind those that wait. */
  run(work: () => void): void {
    if (this.#turnSince === undefined) this.#beginTurn();
    if (this.#waiting.length === 0 && this.#hasTime()) work();
    else this.#waiting.push({ work, since: this.#now() });
  }

  #beginTurn(): void {
    this.#turnSince = this.#now();
    this.#nextTurn(() => {
      this.#turnSince = undefined;
      if (this.#waiting.length === 0) return;
      this.#beginTurn();
      while (this.#hasTime()) {
        const next = this.#waiting.shift();
        if (next === undefined) return;
        next.work();
      }
    });
  }

  #hasTime(): boolean {
    return this.#turnSince !== undefined && this.#now() - this.#turnSince < TURN_MS;
  }
}
