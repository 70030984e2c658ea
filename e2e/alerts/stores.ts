import type { Values } from '../support/release.ts';
import { REDIS_ALONE } from '../support/release-redis.ts';

/** A Redis of the release's own, and nothing else of the stack. */
export const REDIS: Values = {
  store: { type: 'redis' },
  stack: { ...REDIS_ALONE, redis: { resources: { requests: { cpu: '10m', memory: '32Mi' } } } },
};

/** The same with a replica, for which each reply waits. */
export const REPLICATED_REDIS: Values = {
  ...REDIS,
  stack: {
    ...REDIS_ALONE,
    redis: { replica: { enabled: true }, resources: { requests: { cpu: '10m', memory: '32Mi' } } },
  },
  config: { sessionDurability: 'strict', storeReplicas: 1 },
};
