/** Bounds of the waits between attempts, in milliseconds. */
export interface BackoffBounds {
  /** Bound of the first wait; it doubles with each attempt. */
  readonly baseMs: number;
  /** Largest bound. */
  readonly maxMs: number;
}

/**
 * How long to wait before an attempt: exponential backoff with full jitter, which spreads clients best (AWS
 * Architecture Blog, "Exponential Backoff And Jitter").
 * @param attempt 0 for the first attempt after a loss
 * @param random from 0 to below 1
 * @returns milliseconds from 0 to the bound of this attempt
 */
export function backoffMs(attempt: number, { baseMs, maxMs }: BackoffBounds, random = Math.random()): number {
  return random * Math.min(maxMs, baseMs * 2 ** attempt);
}
