import type { Config } from '../config/options.ts';

/**
 * A random delay for a client to wait before it connects again, in milliseconds.
 * @param random returns a number from 0 to below 1
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
