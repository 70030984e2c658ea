import type { ServerProcess } from './server-process.ts';

/** How often it is looked, in milliseconds. */
const LOOK_MS = 50;

/** Notes the most memory that a server has resident, until it is asked. */
export class MemoryWatch {
  #mostBytes = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(server: ServerProcess) {
    this.#timer = setInterval(() => {
      if (server.running) this.#mostBytes = Math.max(this.#mostBytes, server.residentBytes);
    }, LOOK_MS).unref();
  }

  /** Ends the watch. @returns the most bytes that were resident */
  end(): number {
    clearInterval(this.#timer);
    return this.#mostBytes;
  }
}
