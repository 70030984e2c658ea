import { setTimeout as delay } from 'node:timers/promises';

/** Waits, or until the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(Math.max(ms, 0), undefined, { signal }).catch(() => undefined);
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      resolve();
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

/** Wakes those who wait, again and again. */
export class Bell {
  #next = Promise.withResolvers<undefined>();

  ring(): void {
    this.#next.resolve(undefined);
    this.#next = Promise.withResolvers<undefined>();
  }

  /** Waits for the next ring, at most so long. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const end = AbortSignal.any([signal, over.signal]);
    await Promise.race([this.#next.promise, pause(ms, end)]);
    over.abort();
  }
}
