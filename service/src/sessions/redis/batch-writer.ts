import { randomUUID } from 'node:crypto';
import { backoffMs, type BackoffBounds } from '../../../../lib/backoff.ts';
import type { ScriptRunner } from './script-runner.ts';
import type { SharedSession } from './shared-session.ts';
import { LOST_MARK, MAX_BATCH_SESSIONS } from './batch-script.ts';

/** Options of a {@link BatchWriter}. */
export interface BatchWriterOptions {
  readonly runner: ScriptRunner;
  /** Prefix of a session's key, for example `wmc:{b7}:`. */
  readonly prefixOf: (session: SharedSession) => string;
  /** Prefix of the writer's own key. */
  readonly ownPrefix: string;
  readonly ttlSeconds: number;
  /** The store acknowledged a batch after so many seconds. */
  readonly onAcknowledged: (sessions: readonly SharedSession[], messages: number, seconds: number) => void;
  /**
   * The store lost data, including this writer's last batch. Called before the counts of the current batch are
   * published.
   */
  readonly onLost: () => void;
  /** The batch failed after so many seconds; it is sent again. */
  readonly onFailed: (error: unknown, messages: number, seconds: number) => void;
}

/** Waits before a failed batch is sent again. */
const BACKOFF: BackoffBounds = { baseMs: 100, maxMs: 1000 };
/** Minimum time to live of a writer's key: longer than any outage after which a batch is sent again. */
const MIN_WRITER_TTL_SECONDS = 86_400;
/** The same once no batch comes any more. */
const RETIRED_TTL_SECONDS = 1;

/**
 * Writes the additions of sessions in batches, one at a time. The next batch has everything that was enqueued until the
 * reply, so that batches grow when the store is slow. A failed batch is sent again unchanged, with the same sequence
 * number, by which the store detects one that it has already applied.
 */
export class BatchWriter {
  readonly #options: BatchWriterOptions;
  readonly #key: string;
  readonly #keyTtlSeconds: number;
  readonly #queue = new Set<SharedSession>();
  #batch: Batch | undefined;
  #sequence = 0;
  #failingSince: number | undefined;
  /** When the last batch was acknowledged, on `performance.now`'s clock. */
  #acknowledgedAt = 0;
  #flushRequested = false;
  #scheduled = false;
  #retry: NodeJS.Timeout | undefined;
  #idle: (() => void)[] = [];
  #closed = false;

  constructor(options: BatchWriterOptions) {
    this.#options = options;
    this.#key = `${options.ownPrefix}writer:${randomUUID()}`;
    this.#keyTtlSeconds = Math.max(MIN_WRITER_TTL_SECONDS, Math.ceil(options.ttlSeconds));
  }

  /** Sessions that are enqueued or in flight. */
  get sessions(): number {
    return this.#queue.size + (this.#batch?.sessions.length ?? 0);
  }

  /** When the batch in flight failed first, on `performance.now`'s clock; `undefined` if it did not. */
  get failingSince(): number | undefined {
    return this.#failingSince;
  }

  /**
   * Enqueues a session for a batch that is sent at the end of this turn of the event loop, or after the current batch.
   */
  enqueueAndFlush(session: SharedSession): void {
    this.#queue.add(session);
    this.#flushRequested = true;
    this.#schedule();
  }

  /** Enqueues a session for the next {@link flush}. */
  enqueue(session: SharedSession): void {
    this.#queue.add(session);
  }

  /** Removes a session from the queue. */
  remove(session: SharedSession): void {
    this.#queue.delete(session);
  }

  /** Sends what is enqueued. */
  flush(): void {
    if (this.#queue.size === 0) return;
    this.#flushRequested = true;
    this.#schedule();
  }

  /** Flushes, and resolves once nothing is enqueued or in flight, or once it is closed. */
  async untilIdle(): Promise<void> {
    this.flush();
    while (this.sessions > 0 && !this.#closed)
      await new Promise<void>((resolve) => {
        this.#idle.push(resolve);
      });
  }

  /** Sends a batch that waits for its retry now: the store is back. */
  retryNow(): void {
    if (this.#retry === undefined) return;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    void this.#send(0);
  }

  /** Sessions that are enqueued or in flight. */
  *all(): Iterable<SharedSession> {
    yield* this.#queue;
    if (this.#batch !== undefined) yield* this.#batch.sessions;
  }

  /**
   * Lets the store forget the writer, which has written everything and is not used again. Its last batch comes once more,
   * which changes the time to live of its key alone.
   * @throws {Error} of any kind; then the key expires by its usual time
   */
  async retire(): Promise<void> {
    if (this.#sequence === 0 || this.sessions > 0) return;
    await this.#options.runner.apply([this.#key], [String(this.#sequence), '0', String(RETIRED_TTL_SECONDS)]);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #schedule(): void {
    if (this.#scheduled || this.#batch !== undefined) return;
    this.#scheduled = true;
    // After this turn's sockets have been read, so that their messages are in the batch.
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#batch === undefined && this.#queue.size > 0) this.#begin();
    });
  }

  #begin(): void {
    const sessions: SharedSession[] = [];
    for (const session of this.#queue) {
      if (sessions.length === MAX_BATCH_SESSIONS) break;
      sessions.push(session);
      this.#queue.delete(session);
    }
    const { ttlSeconds, prefixOf } = this.#options;
    this.#sequence += 1;
    const keys = [this.#key];
    const args = [String(this.#sequence), String(Math.ceil(ttlSeconds)), String(this.#keyTtlSeconds)];
    let messages = 0;
    for (const session of sessions) {
      session.send();
      keys.push(prefixOf(session) + session.id);
      args.push(String(session.known), String(session.inFlight));
      messages += session.inFlight;
    }
    this.#batch = { sessions, keys, args, messages };
    if (this.#queue.size === 0) this.#flushRequested = false;
    void this.#send(0);
  }

  async #send(attempt: number): Promise<void> {
    const batch = this.#batch;
    if (batch === undefined || this.#closed) return;
    const startedAt = performance.now();
    let results: string;
    try {
      results = await this.#options.runner.apply(batch.keys, batch.args);
    } catch (error) {
      this.#failingSince ??= performance.now();
      this.#options.onFailed(error, batch.messages, (performance.now() - startedAt) / 1000);
      this.#retry = setTimeout(
        () => {
          this.#retry = undefined;
          void this.#send(attempt + 1);
        },
        backoffMs(attempt, BACKOFF),
      );
      return;
    }
    const lost = results.startsWith(LOST_MARK);
    const counts = (lost ? results.slice(LOST_MARK.length) : results).split(',');
    const now = performance.now();
    // After an idle time longer than its time to live, the writer's key has expired: that is no loss.
    if (lost && now - this.#acknowledgedAt < this.#keyTtlSeconds * 1000) this.#options.onLost();
    this.#acknowledgedAt = now;
    this.#failingSince = undefined;
    this.#batch = undefined;
    batch.sessions.forEach((session, index) => {
      session.acknowledge(Number(counts[index]));
    });
    this.#options.onAcknowledged(batch.sessions, batch.messages, (now - startedAt) / 1000);
    if (this.#flushRequested && this.#queue.size > 0) this.#schedule();
    else if (this.sessions === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }
}

interface Batch {
  readonly sessions: readonly SharedSession[];
  readonly keys: string[];
  readonly args: string[];
  readonly messages: number;
}
