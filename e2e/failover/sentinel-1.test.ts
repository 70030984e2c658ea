import { SentinelStore } from '../support/sentinel-store.ts';
import { proveFailovers } from '../support/failover-proof.ts';

proveFailovers({ store: 'Sentinel', start: (host) => SentinelStore.start(host), storeReplicas: 1 });
