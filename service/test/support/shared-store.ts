// Loaded beforehand: on a busy machine loading it takes longer than some tests let a store wait.
import 'redis';
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { RedisStoreOptions } from '../../src/sessions/redis/redis-store.ts';
import { RedisStore } from '../../src/sessions/redis/redis-store.ts';
import {
  StoreUnavailableError,
  type Session,
  type SessionId,
  type SessionStore,
} from '../../src/sessions/session-store.ts';
import { parseRedisUrl } from '../../src/config/redis-url.ts';
import type { Cleanup, RedisServer } from '../../../testkit/redis.ts';

/** No password, no TLS. */
export const NO_FILES = { password: '', ca: '', certificate: '', key: '' };

/** Of stores that are to give up: on a busy machine a server, a replica or a disk that is there may take seconds. */
export const IMPATIENT = { timeoutSeconds: 8 };

/** A store, and what it told of. */
export type OpenedStore = RedisStore & {
  readonly errors: string[];
  readonly warnings: string[];
  /** Its files changed, and are used. */
  readonly changes: 'changed'[];
  /** Why its files can't be used. */
  readonly failures: string[];
};

/** A store on a Redis, which ends with the test. It writes often, and waits long: a busy machine is no outage. */
export function openStore(t: Cleanup, url: string, options: Partial<RedisStoreOptions> = {}): OpenedStore {
  const errors: string[] = [];
  const warnings: string[] = [];
  const changes: 'changed'[] = [];
  const failures: string[] = [];
  const store = new RedisStore({
    target: parseRedisUrl(url),
    files: NO_FILES,
    durability: 'strict',
    acknowledgement: { replicas: 0, fsync: false },
    ttlSeconds: 60,
    flushIntervalSeconds: 0.02,
    timeoutSeconds: 15,
    maxPending: 1000,
    maxSessions: 100_000,
    observer: {
      done: () => undefined,
      available: () => undefined,
      warned: (sentence) => warnings.push(sentence),
      filesChanged: () => changes.push('changed'),
      filesFailed: (reason) => failures.push(reason),
      lost: () => errors.push('read lost_data'),
      failed: (operation, { reason }) => errors.push(`${operation} ${reason}`),
    },
    ...options,
  });
  t.after(() => store.close());
  return Object.assign(store, { errors, warnings, changes, failures });
}

/** What a server holds of a session. */
export function storedCount(server: RedisServer, id: SessionId): number {
  return Number(server.cli('GET', server.cli('KEYS', `wmc:*:${id}`)));
}

/** Waits until something is so, looking once a loop turn. */
export async function until(so: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await so())) await delay(5);
}

/** Opens a session as a client does: again, as long as it is told to come back later. */
export async function opened(store: SessionStore, id: SessionId): Promise<Session> {
  for (;;) {
    try {
      return (await store.open(id)).session;
    } catch (error) {
      assert.ok(error instanceof StoreUnavailableError, String(error));
      await delay(50);
    }
  }
}
