import { inTime } from '../runtime/in-time.ts';
import type { SessionId } from '../sessions/session-store.ts';

/** A counted message of a client. */
export interface ClientMessage {
  readonly sessionId: SessionId;
  /**
   * The session's count of this message, 1 or more. With SESSION_DURABILITY=strict the store has it before the handler
   * runs, so that no other message of the session gets it, on no instance: an idempotency key.
   */
  readonly sequence: number;
  readonly text: string;
  /** Who sent it, from `authorize`. */
  readonly user: string | undefined;
}

/**
 * Handles a counted message.
 * @returns the `data` of the reply, or a promise of it: anything that JSON can say; `undefined` for a reply without
 * @throws anything, which closes the connection with 1011
 */
export type Handle = (message: ClientMessage) => unknown;

/** The default handler: the count is the whole answer. It is recognized and skipped, so that it costs nothing. */
export const countOnly: Handle = () => undefined;

/** The handler threw, rejected, or did not finish in time; the cause is what it threw. */
export class HandlerError extends Error {
  override readonly name = 'HandlerError';
}

/** Runs the handler, with a time-out, and knows what is under way. */
export class MessageHandler {
  readonly #handle: Handle;
  readonly #timeoutSeconds: number;
  readonly #pending = new Set<Promise<unknown>>();

  /** @param timeoutSeconds for one message */
  constructor(handle: Handle, timeoutSeconds: number) {
    this.#handle = handle;
    this.#timeoutSeconds = timeoutSeconds;
  }

  /**
   * Handles one message.
   * @returns the `data` of the reply, as JSON text
   * @throws {HandlerError}
   */
  async run(message: ClientMessage): Promise<string | undefined> {
    const seconds = this.#timeoutSeconds;
    try {
      const data = await inTime(this.#handle(message), seconds, `no result within HANDLER_TIMEOUT_SECONDS=${seconds}`);
      // Without text for what JSON has no text for: undefined, a function.
      return JSON.stringify(data);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new HandlerError(`handler.ts failed: ${reason}`, { cause });
    }
  }

  /** Makes {@link idle} wait for a message until its promise settles. */
  track(answered: Promise<unknown>): void {
    const end = (): void => {
      this.#pending.delete(answered);
    };
    this.#pending.add(answered);
    answered.then(end, end);
  }

  /** Waits until every message is handled, also those whose clients are gone. */
  async idle(): Promise<void> {
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending);
  }
}
