/** What a client is found to be at a heartbeat: `late` is one whose message takes too long. */
export type ClientState = 'alive' | 'dead' | 'late';

/** Bytes of a client's control frame besides its payload: head and mask (RFC 6455, section 5.2). */
const CONTROL_HEAD_BYTES = 6;

/**
 * Whether a client lives, judged at each heartbeat by the bytes that were read from it: while it sends one long message
 * it can't answer a ping. Bytes that are neither a control frame nor a whole message belong to a message that is under
 * way, and the time of one is limited, or a client that sends a byte now and then would stay for ever.
 */
export class Liveness {
  /** Bytes read at the last heartbeat. */
  #seen = -1;
  /** Of the bytes read, those known to be handshake, whole messages and control frames. */
  #whole: number;
  /** When a message that is not yet whole was first seen; 0 for none. Milliseconds. */
  #sendingSince = 0;
  /** When it was last judged. Milliseconds. */
  #checkedAt = -Infinity;

  /** @param bytesRead from the socket so far */
  constructor(bytesRead: number) {
    this.#whole = bytesRead;
  }

  /** A ping or pong came. */
  control(payloadBytes: number): void {
    this.#whole += CONTROL_HEAD_BYTES + payloadBytes;
  }

  /**
   * @param bytesRead from the socket so far
   * @param lastMessageAt when the last message was whole, on `performance.now`'s clock
   * @param messageTimeoutMs maximum time of one message; 0 is no limit
   */
  check(bytesRead: number, lastMessageAt: number, messageTimeoutMs: number, now: number): ClientState {
    const silent = bytesRead === this.#seen;
    this.#seen = bytesRead;
    if (lastMessageAt > this.#checkedAt) this.#whole = bytesRead;
    this.#checkedAt = now;
    if (bytesRead <= this.#whole) this.#sendingSince = 0;
    else if (this.#sendingSince === 0) this.#sendingSince = now;
    else if (messageTimeoutMs > 0 && now - this.#sendingSince >= messageTimeoutMs) return 'late';
    return silent ? 'dead' : 'alive';
  }
}
