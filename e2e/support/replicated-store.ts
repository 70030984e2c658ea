import type { StoreServer } from './store-server.ts';

/** A store whose masters have replicas that are promoted when they are gone. */
export interface ReplicatedStore {
  /** What the service is given as REDIS_URL. */
  readonly url: string;
  /** Replicas of each master: with this STORE_REPLICAS nothing that was told may be lost. */
  readonly replicas: number;
  /** A master, and who replicates it. @param turn which one, where there are several */
  master(turn: number): Promise<{ readonly master: StoreServer; readonly replicas: readonly StoreServer[] }>;
  /** Everyone else that takes part in a decision. */
  others(server: StoreServer): readonly StoreServer[];
  /** Resolves once another server is master in its place. */
  promoted(old: StoreServer): Promise<void>;
  /** Starts each server that was killed again, empty, as a replica, and waits until every one has its part. */
  repair(killed: readonly StoreServer[]): Promise<void>;
}

/** Longest that a promotion may take, and until all is in order afterwards. Seconds. */
export const PROMOTED_SECONDS = 60;
export const WHOLE_SECONDS = 90;

/** Configuration of every Redis. Nothing on disk: a count is where it was acknowledged, and nowhere else. */
export const REDIS_CONFIG = ['save ""', 'repl-diskless-sync-delay 0', 'maxmemory-policy noeviction'];
