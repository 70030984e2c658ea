import { setTimeout as delay } from 'node:timers/promises';

/** Least time between two looks, in milliseconds. */
const INTERVAL_MS = 250;

/**
 * Looks again and again until there is something.
 * @param what what is waited for, for the error
 * @param look answers `undefined` or `false` as long as it is not there; an error it throws counts as not there
 * @throws {Error} when the time is over, with the last error of `look`
 */
export async function until<T>(
  what: string,
  seconds: number,
  look: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  let lastError: Error | undefined;
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      lastError = undefined;
    } catch (error) {
      lastError = error instanceof Error ? error : new Error(String(error));
    }
    if (performance.now() >= deadline)
      throw new Error(`${seconds} s passed without ${what}${lastError === undefined ? '' : `: ${lastError.message}`}`, {
        cause: lastError,
      });
    await delay(INTERVAL_MS);
  }
}

/** Seconds since a moment on `performance.now`'s clock, to a tenth. */
export function secondsSince(startedAt: number): number {
  return Math.round((performance.now() - startedAt) / 100) / 10;
}
