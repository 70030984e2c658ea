import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '../../testkit/client.ts';

/** Pause between its messages, and before it connects again: below every MESSAGE_RATE of the parts. */
const PAUSE_MS = 25;
/** Fewer than every MESSAGE_BURST of the parts. */
const MAX_MESSAGES = 15;

/**
 * A well-behaved client: sends a message, waits for its count, which must be the next one, and continues its session where a limit
 * ends its connection.
 */
export class CheckingClient {
  /** Counts that it received. */
  messages = 0;
  readonly #url: string;
  readonly #ttlMs: number;
  #client: Client | undefined;
  #count = 0;
  /** When it sent the last message that was counted: the service used its session then or later. */
  #usedAt = 0;

  /** @param ttlSeconds how long the service keeps a session that is not used */
  constructor(port: number, ttlSeconds: number) {
    this.#ttlMs = ttlSeconds * 1000;
    this.#url = `ws://127.0.0.1:${port}/ws/chat/?session_id=${randomUUID()}`;
  }

  /**
   * Counts for as long as others work, once at least.
   * @throws {Error} if a count is wrong
   */
  async during(work: Promise<unknown>): Promise<void> {
    let working = true;
    const end = (): void => {
      working = false;
    };
    work.then(end, end);
    do {
      await this.#countNext();
      await delay(PAUSE_MS);
    } while (working && this.messages < MAX_MESSAGES);
    await this.#client?.close();
  }

  async #countNext(): Promise<void> {
    this.#client ??= await Client.open(this.#url, { localAddress: '127.0.0.1' }).catch(() => undefined);
    const client = this.#client;
    if (client === undefined) return;
    const sentAt = performance.now();
    const count = await Promise.race([client.count(), client.closed]);
    if (typeof count !== 'number') this.#client = undefined;
    else {
      this.#check(count);
      this.messages += 1;
      this.#count = count;
      this.#usedAt = sentAt;
    }
  }

  #check(count: number): void {
    if (count === this.#count + 1) return;
    // Where limits, or a busy machine, kept it from coming back in time.
    const mayBeForgotten = performance.now() - this.#usedAt > this.#ttlMs;
    if (count !== 1 || !mayBeForgotten)
      throw new Error(`the checking client received a count of ${count} after ${this.#count}`);
  }
}
