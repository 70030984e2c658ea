import { ClusterStore } from '../support/cluster-store.ts';
import { proveFailovers } from '../support/failover-proof.ts';

proveFailovers({ store: 'Cluster', start: (host) => ClusterStore.start(host), storeReplicas: 1 });
