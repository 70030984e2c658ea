import type { Values } from '../support/release.ts';

/** A Redis of the release's own, and nothing else of the stack. */
export const REDIS: Values = {
  store: { type: 'redis' },
  stack: {
    enabled: true,
    loki: { enabled: false },
    grafana: { enabled: false },
    redis: { resources: { requests: { cpu: '10m', memory: '32Mi' } } },
  },
};

/** A Loki of the release's own, and nothing else of the stack. */
export const LOKI: Values = {
  stack: { enabled: true, grafana: { enabled: false }, loki: { resources: { requests: { cpu: '10m' } } } },
};
