import type { Config } from '../config/options.ts';

/**
 * A delay for a client to wait before it comes back, its own, in milliseconds.
 * @param random a number from 0 to below 1
 */
export function retryAfterMs(
  {
    retryAfterMinSeconds: min,
    retryAfterMaxSeconds: max,
  }: Pick<Config, 'retryAfterMinSeconds' | 'retryAfterMaxSeconds'>,
  random: () => number = Math.random,
): number {
  return Math.round((min + random() * (max - min)) * 1000);
}
