import { defaultConfig } from '../../service/src/config/options.ts';
import type { RolloutOptions } from './model.ts';

/** A rollout that is looked at. */
export interface Scenario {
  readonly name: string;
  readonly options: Omit<RolloutOptions, 'seed'>;
}

const config = defaultConfig();

/** What the chart sets, besides the service's own defaults; a pod takes some seconds to be scheduled, pulled and ready. */
const USUAL = {
  socketsPerPod: 10_000,
  minReadySeconds: 10,
  startSeconds: 5,
  hookSeconds: 5,
  config,
  maxConnections: Infinity,
  balance: 'random',
} as const;

/** The sizes, with one pod at a time where that ends within a day, and shares of the fleet. */
const SIZES: Scenario[] = [10, 100, 1000, 10_000].flatMap((pods) =>
  [1, pods / 10, pods / 4]
    .filter((maxSurge) => maxSurge > 1 || pods <= 100)
    .map(Math.ceil)
    .filter((maxSurge, index, all) => all.indexOf(maxSurge) === index)
    .map((maxSurge) => ({ name: 'size', options: { ...USUAL, pods, maxSurge } })),
);

/** What each of the means does, at 100 pods, a quarter at a time. */
const BASE = { ...USUAL, pods: 100, maxSurge: 25 };
const MEANS: Scenario[] = [
  { name: 'no spread', options: { ...BASE, config: { ...config, drainSpreadSeconds: 0 } } },
  { name: 'no spread, no delay', options: { ...BASE, config: instant() } },
  { name: 'longer spread', options: { ...BASE, config: { ...config, drainSpreadSeconds: 30 } } },
  { name: 'longer delays', options: { ...BASE, config: { ...config, retryAfterMaxSeconds: 30 } } },
  { name: 'longer pause', options: { ...BASE, minReadySeconds: 60 } },
  { name: 'least connections', options: { ...BASE, balance: 'least' } },
  { name: 'all at once', options: { ...BASE, maxSurge: 100 } },
];

/** Every scenario, in the order in which they are printed. */
export const SCENARIOS: readonly Scenario[] = [...SIZES, ...MEANS];

function instant(): RolloutOptions['config'] {
  return { drainSpreadSeconds: 0, retryAfterMinSeconds: 0, retryAfterMaxSeconds: 0 };
}
