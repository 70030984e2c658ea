/** How fast a pod closes its connections and asks its clients back: as the service does, which service/test/rollout-pace.test.ts checks. */
import type { Config } from '../../service/src/config/options.ts';

/** The options that a drain depends on. */
export type PaceOptions = Pick<Config, 'drainSpreadSeconds' | 'retryAfterMinSeconds' | 'retryAfterMaxSeconds'>;

/** Fewer closes a second than this are not spread further. */
const MIN_CLOSES_PER_SECOND = 100;

/** Time over which so many closes are spread, in milliseconds. */
export function closingWindowMs({ drainSpreadSeconds }: PaceOptions, connections: number): number {
  return Math.min(drainSpreadSeconds, connections / MIN_CLOSES_PER_SECOND) * 1000;
}

/** Time that a client waits before it comes back, in milliseconds. */
export function retryAfterMs(
  { retryAfterMinSeconds: min, retryAfterMaxSeconds: max }: PaceOptions,
  random: () => number,
): number {
  return Math.round((min + random() * (max - min)) * 1000);
}
