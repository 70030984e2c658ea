import { constants } from 'node:os';
import { onInterrupt } from '../../lib/interrupt.ts';
import type { Cleanup } from '../../testkit/redis.ts';

/** Ends what a program started, the last one first: after its work, and when a signal asks the program to end. */
export class Endings implements Cleanup {
  readonly #ends: (() => void | Promise<void>)[] = [];
  #interrupted = false;

  constructor() {
    onInterrupt((signal) => {
      this.#interrupted = true;
      void this.#endAll().finally(() => process.exit(128 + constants.signals[signal]));
    });
  }

  readonly after = (end: () => void | Promise<void>): void => {
    this.#ends.push(end);
  };

  /** Does some work, and ends what it started. */
  async during<T>(work: (t: Cleanup) => Promise<T>): Promise<T> {
    try {
      return await work(this);
    } catch (error) {
      // What it lacks was ended on purpose, and the program ends.
      if (this.#interrupted) return await new Promise<never>(() => undefined);
      throw error;
    } finally {
      await this.#endAll();
    }
  }

  async #endAll(): Promise<void> {
    for (let end = this.#ends.pop(); end !== undefined; end = this.#ends.pop()) await end();
  }
}
