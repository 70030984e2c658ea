import type { ClientMessage, MessageHandler } from './message-handler.ts';

/** A message that is counted and handled. */
export interface HandledMessage {
  readonly count: number;
  /** JSON text of the reply's `data`, if there is any. */
  readonly data: string | undefined;
}

/** What can stop and continue to read from the client. */
export interface Gate {
  pause(): void;
  resume(): void;
}

/**
 * The messages of one connection that are on their way through store and handler. Handlers start in the order of the
 * messages, a bounded number at once, and their answers keep that order. At the bound, nothing more is read from the
 * client; what was read already waits for its turn.
 */
export class HandlerQueue {
  readonly #handler: MessageHandler;
  readonly #maxConcurrent: number;
  readonly #gate: Gate;
  #size = 0;
  #running = 0;
  #failed = false;
  #stopped = false;
  readonly #waiting: (() => void)[] = [];
  #last: Promise<unknown> = Promise.resolve();

  /** @param gate of the connection's socket */
  constructor(handler: MessageHandler, maxConcurrent: number, gate: Gate) {
    this.#handler = handler;
    this.#maxConcurrent = maxConcurrent;
    this.#gate = gate;
  }

  /** Nothing is read from the client. */
  get full(): boolean {
    return this.#size >= this.#maxConcurrent;
  }

  /**
   * Handles a message once it is counted.
   * @returns a promise that settles after those of earlier messages
   * @throws {HandlerError} or what the store rejects with, by the promise
   */
  handle(counted: number | Promise<number>, message: Omit<ClientMessage, 'sequence'>): Promise<HandledMessage> {
    this.#enter();
    const handled = this.#run(counted, message).finally(() => {
      this.#leave();
    });
    const answered = Promise.allSettled([this.#last, handled]).then(() => handled);
    this.#last = answered.catch(ignore);
    this.#handler.track(answered);
    return answered;
  }

  /** Waits until every message so far is answered. */
  async idle(): Promise<void> {
    await this.#last;
  }

  /** The connection is closing: messages that no handler has begun with are rejected, and its close frame is read. */
  stop(): void {
    if (this.full) this.#gate.resume();
    this.#stopped = true;
  }

  async #run(counted: number | Promise<number>, message: Omit<ClientMessage, 'sequence'>): Promise<HandledMessage> {
    const sequence = await counted;
    await this.#turn();
    try {
      if (this.#failed || this.#stopped) throw new Error('the connection is closed: this message is not handled');
      return { count: sequence, data: await this.#handler.run({ ...message, sequence }) };
    } catch (error) {
      // The connection will be closed once earlier messages are answered.
      this.#failed = true;
      throw error;
    } finally {
      this.#passOn();
    }
  }

  async #turn(): Promise<void> {
    if (this.#running < this.#maxConcurrent) this.#running += 1;
    else
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
  }

  /** A message that waits takes over the turn, so that no later one gets in between. */
  #passOn(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }

  #enter(): void {
    this.#size += 1;
    if (this.#size === this.#maxConcurrent && !this.#stopped) this.#gate.pause();
  }

  #leave(): void {
    this.#size -= 1;
    if (this.#size === this.#maxConcurrent - 1 && !this.#stopped) this.#gate.resume();
  }
}

function ignore(): void {
  // The connection sees the failure.
}
