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
  messages = 0;
  readonly #url: string;
  #client: Client | undefined;

  constructor(port: number) {
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
    const count = await Promise.race([client.count(), client.closed]);
    if (typeof count !== 'number') this.#client = undefined;
    else if (count === this.messages + 1) this.messages = count;
    else throw new Error(`the checking client received a count of ${count} after ${this.messages}`);
  }
}
