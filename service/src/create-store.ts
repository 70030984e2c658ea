import type { Config } from './config/options.ts';
import type { Logger } from './log/logger.ts';
import { MemoryStore } from './sessions/memory-store.ts';
import type { Metrics } from './metrics/metrics.ts';
import { RedisStore, type StoreObserver } from './sessions/redis/redis-store.ts';
import type { SessionStore } from './sessions/session-store.ts';
import { SPANS, type Tracing } from './tracing/tracing.ts';

/** Creates the configured session store. A shared one connects in the background. */
export function createStore(
  config: Config,
  metrics: Metrics,
  logger: Logger,
  tracing: Tracing | undefined,
): SessionStore {
  const { redisUrl: target, maxSessions, sessionTtlSeconds: ttlSeconds } = config;
  if (target === undefined) return new MemoryStore({ ttlSeconds, maxSessions });
  return new RedisStore({
    target: {
      ...target,
      username: config.redisUsername || target.username,
      password: config.redisPassword || target.password,
    },
    files: {
      password: config.redisPasswordFile,
      ca: config.redisCaFile,
      certificate: config.redisCertFile,
      key: config.redisKeyFile,
    },
    durability: config.sessionDurability,
    acknowledgement: { replicas: config.storeReplicas, fsync: config.storeFsync },
    ttlSeconds,
    flushIntervalSeconds: config.sessionFlushIntervalSeconds,
    timeoutSeconds: config.storeTimeoutSeconds,
    maxPending: config.storeMaxPending,
    maxSessions,
    observer: createObserver(metrics, logger.named('chat.store'), config.warnIntervalSeconds * 1000, tracing),
  });
}

/** Counts and traces the operations of the store, and logs failures and recoveries. */
function createObserver(
  metrics: Metrics,
  logger: Logger,
  intervalMs: number,
  tracing: Tracing | undefined,
): StoreObserver {
  let nextAt = 0;
  let suppressed = 0;
  return {
    done: (operation, seconds) => {
      metrics.storeDuration.observe({ operation }, seconds);
      tracing?.start(SPANS.store, { secondsAgo: seconds, attributes: { operation } }).end();
    },
    failed: (operation, { reason, detail }, secondsAgo) => {
      metrics.storeErrors.inc({ operation, reason });
      tracing?.start(SPANS.store, { secondsAgo, attributes: { operation } }).end({}, reason);
      const now = performance.now();
      suppressed += 1;
      if (now < nextAt) return;
      logger.error('The session store failed: it is tried again', {
        event: 'store_unavailable',
        operation,
        reason,
        detail,
        suppressed: suppressed - 1,
      });
      nextAt = now + intervalMs;
      suppressed = 0;
    },
    lost: (holdSeconds) => {
      metrics.storeErrors.inc({ operation: 'read', reason: 'lost_data' });
      logger.error('The session store lost what it had: instances write what they know', {
        event: 'store_lost',
        hold_seconds: Math.round(holdSeconds * 1000) / 1000,
      });
    },
    warned: (sentence) => {
      logger.warn('The session store can lose counts, or may not take any', {
        event: 'store_warning',
        detail: sentence,
      });
    },
    filesChanged: () => {
      logger.info('The session store is used with what its files hold since they changed', {
        event: 'store_files_changed',
      });
    },
    filesFailed: (detail) => {
      logger.error('The files of the session store can not be used', { event: 'store_files_failed', detail });
    },
    available: (awaySeconds) => {
      nextAt = 0;
      logger.info('The session store works', {
        event: 'store_available',
        away_seconds: Math.round(awaySeconds * 1000) / 1000,
      });
    },
  };
}
