import { REDIS_ALONE } from '../support/release-redis.ts';
import { proveDisruptions } from '../support/session-disruptions.ts';

proveDisruptions({
  mode: 'relaxed',
  values: {
    store: { type: 'redis' },
    stack: REDIS_ALONE,
    resumeToken: { enabled: false },
    config: { finalScrapeWaitSeconds: 0, sessionDurability: 'relaxed' },
  },
  shape: { sockets: 2000, sendRate: 1 },
  killed: 'the last second of each cut connection',
});
