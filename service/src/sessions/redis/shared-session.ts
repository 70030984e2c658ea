import { StoreUnavailableError, type Session, type SessionId } from '../session-store.ts';

/** A call that waits until a batch is acknowledged. */
interface Waiter {
  /** Messages that it adds: 1, or 0 to wait for earlier ones only. */
  readonly messages: 0 | 1;
  /** When it times out, on `performance.now`'s clock. */
  readonly until: number;
  readonly resolve: (count: number) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A session in a store that other processes write to as well. What this process adds is first pending, then in flight
 * in a batch whose content no longer changes.
 */
export class SharedSession implements Session {
  readonly id: SessionId;
  count: number;
  connections = 0;
  /** The last known count of the store, or the count of a resume token if that is larger. */
  known: number;
  pending = 0;
  inFlight = 0;
  #waiting: Waiter[] = [];
  #sent: Waiter[] = [];

  constructor(id: SessionId) {
    this.id = id;
    this.count = 0;
    this.known = 0;
  }

  /** Nothing is pending or in flight, and no call waits. */
  get settled(): boolean {
    return this.pending === 0 && this.inFlight === 0 && this.#waiting.length === 0 && this.#sent.length === 0;
  }

  /** Adds messages, and waits until they are acknowledged. @returns the count with them */
  wait(messages: 0 | 1, until: number): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.pending += messages;
    this.#waiting.push({ messages, until, resolve, reject });
    return promise;
  }

  /** Moves what is pending into the batch that is about to be sent. */
  send(): void {
    this.inFlight = this.pending;
    this.pending = 0;
    this.#sent = this.#waiting;
    this.#waiting = [];
  }

  /** The store applied the batch, and this is its count. */
  acknowledge(count: number): void {
    let acknowledged = count - this.inFlight;
    const sent = this.#sent;
    this.known = count;
    this.inFlight = 0;
    this.#sent = [];
    this.count = Math.max(this.count, count);
    for (const { messages, resolve } of sent) {
      acknowledged += messages;
      resolve(acknowledged);
    }
  }

  /**
   * Rejects calls that waited too long. Messages that are still pending are not sent; those in flight may be stored.
   * @returns how many messages were removed
   */
  expire(now: number): number {
    let taken = 0;
    const late = (waiter: Waiter): boolean => waiter.until <= now;
    if (this.#waiting.some(late)) {
      const error = new StoreUnavailableError('the session store did not answer in time');
      for (const waiter of this.#waiting.filter(late)) {
        taken += waiter.messages;
        waiter.reject(error);
      }
      this.pending -= taken;
      this.#waiting = this.#waiting.filter((waiter) => !late(waiter));
    }
    // They stay in the list, so that the counts of later ones are right; settling a promise again has no effect.
    for (const waiter of this.#sent)
      if (late(waiter)) waiter.reject(new StoreUnavailableError('the session store did not answer in time'));
    return taken;
  }
}
