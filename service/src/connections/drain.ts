import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config/options.ts';
import type { Connection } from './connection.ts';
import type { Connections } from './open-connections.ts';
import type { MessageHandler } from './message-handler.ts';
import type { Lifecycle } from '../lifecycle/lifecycle.ts';
import type { Logger } from '../log/logger.ts';
import type { SessionStore } from '../sessions/session-store.ts';

/** Dependencies of a drain. */
export interface DrainContext {
  readonly config: Config;
  readonly lifecycle: Lifecycle;
  readonly connections: Connections;
  readonly store: SessionStore;
  readonly handler: MessageHandler | undefined;
  readonly logger: Logger;
}

/** Result of a drain. */
export interface DrainOutcome {
  /** Every connection was closed and every count flushed before the deadline. */
  readonly clean: boolean;
  /** What was not done at the deadline; empty if clean. */
  readonly unfinished: string;
}

/** Interval of the batches of byes. */
const TICK_MS = 10;
/**
 * Maximum byes in one turn of the event loop: about two milliseconds' work, so that messages are answered in between.
 */
const MAX_BATCH = 100;
/** Minimum pace of closes: the window is shortened for few connections. */
const MIN_CLOSES_PER_SECOND = 100;
const PROGRESS_MS = 1000;
/** Maximum wait for the end of connections that were cut. */
const CUT_MS = 500;

/**
 * Closes every connection with its bye, spread over a window, and flushes the counts, all under one deadline.
 *
 *  1. new handshakes are rejected
 *  2. each connection gets its bye and 1001, in random order, over DRAIN_SPREAD_SECONDS
 *  3. clients answer the close, or are cut after CLOSE_TIMEOUT_SECONDS
 *  4. counts are flushed to the store
 *  5. messages of clients that are gone are handled
 */
export async function drain(context: DrainContext, reason: string): Promise<DrainOutcome> {
  const { config, lifecycle, connections, logger, store, handler } = context;
  const total = connections.size;
  const windowMs = closingWindowMs(config, total);
  lifecycle.beginClosing(reason, windowMs / 1000);
  connections.stop();
  const deadline = AbortSignal.timeout(config.drainTimeoutSeconds * 1000);
  const progress = reportProgress(context, total);
  let stage = 'closing connections';
  const work = async (): Promise<void> => {
    await sendByes(context, windowMs, deadline);
    stage = 'waiting for clients to answer the close';
    await untilEmpty(connections, deadline);
    stage = 'flushing counts';
    await store.flush();
    stage = 'handling messages';
    await handler?.idle();
    stage = '';
  };
  await Promise.race([work(), aborted(deadline)]);
  clearInterval(progress);
  const unfinished = stage === '' ? '' : `${stage}: ${connections.size} of ${total} connections left`;
  if (unfinished !== '') {
    logger.error('Drain missed its deadline', {
      event: 'drain_deadline_missed',
      unfinished,
      connections: connections.size,
      drain_timeout_seconds: config.drainTimeoutSeconds,
    });
    for (const connection of connections.shuffled()) connection.cut();
    // Their ends are logged and counted before the last line.
    await untilEmpty(connections, AbortSignal.timeout(CUT_MS));
  }
  lifecycle.markStopped();
  return { clean: unfinished === '', unfinished };
}

/** Window over which so many closes are spread, in milliseconds. */
export function closingWindowMs(
  { drainSpreadSeconds }: Pick<Config, 'drainSpreadSeconds'>,
  connections: number,
): number {
  return Math.min(drainSpreadSeconds, connections / MIN_CLOSES_PER_SECOND) * 1000;
}

async function sendByes({ connections, logger }: DrainContext, windowMs: number, deadline: AbortSignal): Promise<void> {
  const queue = connections.shuffled();
  logger.info('Closing connections', {
    event: 'drain_closing',
    connections: queue.length,
    spread_seconds: Math.round(windowMs) / 1000,
  });
  const startedAt = performance.now();
  let closed = 0;
  while (closed < queue.length && !deadline.aborted) {
    const elapsed = performance.now() - startedAt;
    const due = windowMs === 0 ? queue.length : Math.min(queue.length, Math.ceil((elapsed / windowMs) * queue.length));
    const batch = queue.slice(closed, Math.min(due, closed + MAX_BATCH));
    closed += batch.length;
    await answerArrived();
    for (const connection of batch) sendBye(connection, connections);
    if (closed >= due && closed < queue.length) await delay(TICK_MS);
  }
}

/**
 * Lets the event loop read what has arrived on all sockets. The poll phase lies between two check phases (Node.js
 * documentation, "The Node.js Event Loop"), so after two immediates it has run once in full.
 */
async function answerArrived(): Promise<void> {
  await turn();
  await turn();
}

function sendBye(connection: Connection, connections: Connections): void {
  connection.sendBye('drain', connections.retryAfterMs());
}

async function untilEmpty(connections: Connections, deadline: AbortSignal): Promise<void> {
  while (connections.size > 0 && !deadline.aborted) await delay(TICK_MS);
}

function reportProgress({ connections, lifecycle, logger }: DrainContext, total: number): NodeJS.Timeout {
  return setInterval(() => {
    logger.info('Draining', {
      event: 'drain_progress',
      closed: total - connections.size,
      left: connections.size,
      seconds: Math.round(lifecycle.closingSeconds * 10) / 10,
    });
  }, PROGRESS_MS);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
}
