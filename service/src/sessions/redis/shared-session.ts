import { StoreUnavailableError, type Session, type SessionId } from '../session-store.ts';

/** One who waits for a batch to be kept. */
interface Waiter {
  /** Messages it counts: 1, or 0 for one who only wants what was counted before to be kept. */
  readonly messages: 0 | 1;
  /** When it is given up, on `performance.now`'s clock. */
  readonly until: number;
  readonly resolve: (count: number) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A session whose count is kept in a store that other processes write to as well. What this process adds goes through two
 * stages: pending, then in flight in a batch whose content no longer changes.
 */
export class SharedSession implements Session {
  readonly id: SessionId;
  count: number;
  connections = 0;
  /** The store's count, as it last said, or as a resume token vouches for. */
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

  /** Nothing is on its way to the store, and no one waits. */
  get settled(): boolean {
    return this.pending === 0 && this.inFlight === 0 && this.#waiting.length === 0 && this.#sent.length === 0;
  }

  /** Adds messages, and waits until the store has them. */
  wait(messages: 0 | 1, until: number): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.pending += messages;
    this.#waiting.push({ messages, until, resolve, reject });
    return promise;
  }

  /** Fixes what the next batch holds of this session. */
  send(): void {
    this.inFlight = this.pending;
    this.pending = 0;
    this.#sent = this.#waiting;
    this.#waiting = [];
  }

  /** The store has the batch, and this count with it. */
  kept(count: number): void {
    let told = count - this.inFlight;
    const sent = this.#sent;
    this.known = count;
    this.inFlight = 0;
    this.#sent = [];
    this.count = Math.max(this.count, count);
    for (const { messages, resolve } of sent) {
      told += messages;
      resolve(told);
    }
  }

  /**
   * Gives up those who waited too long. A message that is in no batch yet is taken back; of one in flight nobody can say.
   * @returns how many messages were taken back
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
    // They stay in their places, so that the counts of those behind them are right; a promise is settled but once.
    for (const waiter of this.#sent)
      if (late(waiter)) waiter.reject(new StoreUnavailableError('the session store did not answer in time'));
    return taken;
  }
}
