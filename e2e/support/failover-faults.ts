import { setTimeout as delay } from 'node:timers/promises';
import { freeze } from './freeze.ts';
import type { ReplicatedStore } from './replicated-store.ts';
import { cutOff, kill, type StoreServer } from './store-server.ts';

/** Variable with how often each fault is done. */
export const TIMES = 'E2E_TIMES';

const AWAY_MS = 30_000;
const BEHIND_MS = 1000;

/** What a fault is done to. */
export interface FailoverStage {
  readonly store: ReplicatedStore;
  /** The master that is to go, and its replicas. */
  readonly master: StoreServer;
  readonly replicas: readonly StoreServer[];
  /** Processes of half of the service's pods. */
  readonly half: readonly number[];
  /** Resolves once another server is master. */
  readonly promoted: () => Promise<void>;
}

/** Does a fault and undoes it, once a replica was promoted. @returns the servers that are dead */
type Fault = (stage: FailoverStage) => Promise<readonly StoreServer[]>;

/** Everything that ends with another master. */
export const FAILOVER_FAULTS: Readonly<Record<string, Fault>> = {
  'master killed': async ({ master, promoted }) => {
    kill(master);
    await promoted();
    return [master];
  },
  'master and half of the pods killed at once': async ({ master, half, promoted }) => {
    killAll(master, half);
    await promoted();
    return [master];
  },
  'master frozen for 30 s, and back': async ({ master, promoted }) => {
    const thaw = freeze(master.pid);
    try {
      await Promise.all([promoted(), delay(AWAY_MS)]);
    } finally {
      thaw();
    }
    return [];
  },
  'master cut off from all but the service for 30 s': async ({ store, master, promoted }) => {
    const heal = await cutOff(master, store.others(master));
    try {
      await Promise.all([promoted(), delay(AWAY_MS)]);
    } finally {
      await heal();
    }
    return [];
  },
  'replicas a second behind, master killed': async ({ master, replicas, promoted }) => {
    // What the master has not sent is gone with its network.
    await cutOff(master, replicas);
    await delay(BEHIND_MS);
    kill(master);
    await promoted();
    return [master];
  },
  'replicas a second behind, master and half of the pods killed at once': async (stage) => {
    await cutOff(stage.master, stage.replicas);
    await delay(BEHIND_MS);
    killAll(stage.master, stage.half);
    await stage.promoted();
    return [stage.master];
  },
};

function killAll(master: StoreServer, pids: readonly number[]): void {
  for (const pid of [master.pid, ...pids]) kill({ pid });
}
