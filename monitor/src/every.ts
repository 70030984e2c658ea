import { setTimeout as pause } from 'node:timers/promises';

/**
 * Runs a task now, then at each multiple of the interval, and once more at the end unless it ran just before. A task that takes longer
 * than the interval skips what it missed.
 * @returns after the task that follows the signal's abort
 */
export async function every(intervalMs: number, signal: AbortSignal, task: () => Promise<unknown>): Promise<void> {
  const startedMs = performance.now();
  for (;;) {
    const ranMs = performance.now();
    await task();
    const sinceStartMs = performance.now() - startedMs;
    await pause(intervalMs - (sinceStartMs % intervalMs), undefined, { signal }).catch(() => undefined);
    if (!signal.aborted) continue;
    if (performance.now() - ranMs > intervalMs / 10) await task();
    return;
  }
}
