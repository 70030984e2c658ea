import { BatchWriter } from './batch-writer.ts';
import { MAX_RECONNECT_MS, RedisRunner, type ScriptRunner } from './script-runner.ts';
import { storeFailure, type StoreFailure } from './store-errors.ts';
import type { RedisTarget } from '../../config/redis-url.ts';
import { inTime } from '../../runtime/in-time.ts';
import type { ConnectionFilePaths } from './connection-files.ts';
import type { Acknowledgement } from './replicated-scripts.ts';
import type { ReplicationFindings } from './replication-check.ts';
import {
  StoreFullError,
  StoreUnavailableError,
  StoreUnsuitableError,
  type OpenedSession,
  type OpenOptions,
  type Session,
  type SessionId,
  type SessionStore,
  type StoreHealth,
} from '../session-store.ts';
import { SharedSession } from './shared-session.ts';

/** Callbacks of a store. */
export interface StoreObserver {
  /** A batch was acknowledged after so many seconds. It had messages (`write`) or only asked for counts (`read`). */
  readonly done: (operation: StoreOperation, seconds: number) => void;
  /** A batch failed after so many seconds, or a connection: it is tried again. */
  readonly failed: (operation: StoreOperation, failure: StoreFailure, seconds: number) => void;
  /** The store lost data. For so many seconds nobody resumes, while instances write the counts that they know. */
  readonly lost: (holdSeconds: number) => void;
  /** The store works again, after so many seconds. */
  readonly available: (awaySeconds: number) => void;
  /** Settings of the server can lose counts, or keep them from being acknowledged. Once, after the first connect. */
  readonly warned: (sentence: string) => void;
  /** The connection uses what its files hold since they changed. */
  readonly filesChanged: () => void;
  /** The files changed and can't be used, for this reason. What they held before is used. */
  readonly filesFailed: (reason: string) => void;
}

/** What a batch does: the `operation` label. */
export const STORE_OPERATIONS = ['read', 'write'] as const;

/** A value of {@link STORE_OPERATIONS}. */
export type StoreOperation = (typeof STORE_OPERATIONS)[number];

/** Options of a {@link RedisStore}. */
export interface RedisStoreOptions {
  readonly target: RedisTarget;
  readonly files: ConnectionFilePaths;
  /** `relaxed` answers at once and writes behind; `strict` answers once the store has the count. */
  readonly durability: 'relaxed' | 'strict';
  /** With `strict`: who must have a batch before its messages are answered. */
  readonly acknowledgement: Acknowledgement;
  /** Seconds that a session is stored after its last use. */
  readonly ttlSeconds: number;
  /** Seconds from a count to its write in relaxed mode. */
  readonly flushIntervalSeconds: number;
  /** Seconds after which waiting for the store fails. */
  readonly timeoutSeconds: number;
  /** Maximum number of messages that wait for the store in strict mode. */
  readonly maxPending: number;
  /** Maximum number of sessions in this process: connected, or with counts to write. */
  readonly maxSessions: number;
  readonly observer: StoreObserver;
}

/** Hash buckets of the keys. In a Cluster a batch is of one bucket, since a script's keys must be in one slot. */
const BUCKETS = 64;
/** Key prefix of each bucket. A Cluster computes the slot from the text in braces. */
const PREFIXES = Array.from({ length: BUCKETS }, (_, bucket) => `wmc:{b${bucket}}:`);
/** Interval of probes of a store that is away, in milliseconds. */
const PROBE_MS = 500;
/** Maximum time to take leave of the store. */
const MOST_RETIRE_SECONDS = 1;

/**
 * Sessions in a Redis or Valkey that processes share.
 *
 * Processes write what they added, never an absolute count, so that a session held by two of them loses and doubles
 * nothing. Reading a count is adding 0 to it, in the same batches. Opening a session always reads it, even one that
 * this process holds: another process may have counted more since.
 */
export class RedisStore implements SessionStore {
  readonly #options: RedisStoreOptions;
  readonly #runner: ScriptRunner;
  readonly #sessions = new Map<SessionId, SharedSession>();
  /** One; in a Cluster one for each bucket. */
  readonly #writers: readonly BatchWriter[];
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #timeoutMs: number;
  readonly #strict: boolean;
  #awaySince: number | undefined = performance.now();
  /** Until when no count is read after a loss of data, on `performance.now`'s clock. */
  #recoveringUntil = 0;
  #probing = false;
  #checked = false;
  #checking: Promise<ReplicationFindings | undefined> | undefined;
  #pendingMessages = 0;
  #closed = false;

  constructor(options: RedisStoreOptions) {
    this.#options = options;
    this.#timeoutMs = options.timeoutSeconds * 1000;
    this.#strict = options.durability === 'strict';
    this.#runner = new RedisRunner({
      ...options,
      onReady: () => {
        this.#connected();
      },
      onError: (error) => {
        this.#failed('read', error);
      },
      onSpareError: (error) => {
        options.observer.failed('read', storeFailure(error), 0);
      },
      onFilesChanged: options.observer.filesChanged,
      onFilesFailed: options.observer.filesFailed,
    });
    const writers = options.target.kind === 'cluster' ? BUCKETS : 1;
    this.#writers = Array.from({ length: writers }, (_, bucket) => this.#createWriter(bucket));
    this.#every(options.flushIntervalSeconds * 1000, () => {
      for (const writer of this.#writers) writer.flush();
    });
    this.#every(Math.min(250, this.#timeoutMs / 8), () => {
      const now = performance.now();
      // Timers run before replies are read: after a stall, replies that have arrived are read first.
      setImmediate(() => {
        this.#expire(now);
      });
    });
    this.#every(PROBE_MS, () => {
      if (this.#awaySince !== undefined) this.#probe();
      // The first look had no answer in time.
      else void this.#check();
    });
    // A session that a connection holds never expires.
    this.#every(Math.min(options.ttlSeconds * 300, 2 ** 31 - 1), () => {
      this.#writeKnownCounts();
    });
  }

  async prepare(): Promise<void> {
    await this.#runner.opened();
    const refusal = await this.#check();
    if (refusal !== undefined) throw new StoreUnsuitableError(refusal);
  }

  get size(): number {
    return this.#sessions.size;
  }

  get health(): StoreHealth {
    const sessions = this.#writers.reduce((sum, writer) => sum + writer.sessions, 0);
    return { up: this.#awaySince === undefined, pendingMessages: this.#pendingMessages, pendingSessions: sessions };
  }

  open(id: SessionId, { fresh = false, floor = 0 }: OpenOptions = {}): OpenedSession | Promise<OpenedSession> {
    const session = this.#take(id, floor);
    return fresh ? { session, resumed: false } : this.#read(session);
  }

  add(held: Session): number | Promise<number> {
    const session = held as SharedSession;
    if (!this.#strict) {
      session.pending += 1;
      session.count += 1;
      this.#pendingMessages += 1;
      // Later messages of the interval find it enqueued.
      if (session.pending === 1) this.#writerOf(session.id).enqueue(session);
      return session.count;
    }
    this.#rejectWhileAway(session);
    if (this.#pendingMessages >= this.#options.maxPending)
      throw new StoreUnavailableError(`${this.#pendingMessages} messages wait for the session store`);
    this.#pendingMessages += 1;
    return this.#wait(session, 1);
  }

  settle(held: Session): Promise<void> | undefined {
    const session = held as SharedSession;
    return session.settled ? undefined : this.#wait(session, 0).then(ignore);
  }

  release(held: Session): void {
    const session = held as SharedSession;
    session.connections -= 1;
    if (session.connections > 0) return;
    // Writing restarts its time to live, even if there is nothing to add.
    if (session.settled && session.count === 0) this.#removeUnused(session);
    else if (session.settled) this.#writerOf(session.id).enqueue(session);
    else this.#writerOf(session.id).enqueueAndFlush(session);
  }

  async flush(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.untilIdle()));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of this.#timers) clearInterval(timer);
    await this.#retireWriters();
    for (const writer of this.#writers) writer.close();
    await this.#runner.close();
  }

  /** Nobody waits for it: what a store that is away keeps expires by itself. */
  async #retireWriters(): Promise<void> {
    if (this.#awaySince !== undefined) return;
    const retired = Promise.allSettled(this.#writers.map((writer) => writer.retire()));
    await inTime(retired, MOST_RETIRE_SECONDS, 'timeout').catch(() => undefined);
  }

  #take(id: SessionId, floor: number): SharedSession {
    let session = this.#sessions.get(id);
    if (session === undefined) {
      if (this.#sessions.size >= this.#options.maxSessions)
        throw new StoreFullError(`${this.size} sessions are held and MAX_SESSIONS=${this.#options.maxSessions}`);
      session = new SharedSession(id);
      this.#sessions.set(id, session);
    }
    session.known = Math.max(session.known, floor);
    session.count = Math.max(session.count, floor);
    session.connections += 1;
    return session;
  }

  async #read(session: SharedSession): Promise<OpenedSession> {
    const known = session.connections > 1;
    try {
      this.#rejectWhileAway(session);
      this.#rejectWhileRecovering();
      await this.#wait(session, 0);
      this.#rejectWhileRecovering();
    } catch (error) {
      // Its known count may still have to be written.
      this.release(session);
      throw error;
    }
    return { session, resumed: known || session.count > 0 };
  }

  #wait(session: SharedSession, messages: 0 | 1): Promise<number> {
    const acknowledged = session.wait(messages, performance.now() + this.#timeoutMs);
    this.#writerOf(session.id).enqueueAndFlush(session);
    return acknowledged;
  }

  /**
   * Fails at once while the store is known to be away, instead of after the time-out. In a Cluster one node may be away:
   * sessions of the others must not be refused, since what they send is all that shows that the others are there.
   */
  #rejectWhileAway({ id }: SharedSession): void {
    const since = this.#writers.length === 1 ? this.#awaySince : this.#writerOf(id).failingSince;
    if (since !== undefined && performance.now() - since > this.#timeoutMs)
      throw new StoreUnavailableError('the session store is away');
  }

  /** After a loss of data, the stored count may be less than the one that another instance is about to write. */
  #rejectWhileRecovering(): void {
    if (performance.now() < this.#recoveringUntil)
      throw new StoreUnavailableError('the session store lost counts, which are being written again');
  }

  #createWriter(bucket: number): BatchWriter {
    return new BatchWriter({
      runner: this.#runner,
      ownPrefix: PREFIXES[bucket] as string,
      prefixOf: (session) => PREFIXES[bucketOf(session.id)] as string,
      ttlSeconds: this.#options.ttlSeconds,
      onAcknowledged: (sessions, messages, seconds) => {
        this.#pendingMessages -= messages;
        this.#options.observer.done(messages > 0 ? 'write' : 'read', seconds);
        this.#recovered();
        for (const session of sessions) this.#removeUnused(session);
      },
      onLost: () => {
        this.#lost();
      },
      onFailed: (error, messages, seconds) => {
        this.#failed(messages > 0 ? 'write' : 'read', error, seconds);
      },
    });
  }

  #writerOf(id: SessionId): BatchWriter {
    return this.#writers[this.#writers.length === 1 ? 0 : bucketOf(id)] as BatchWriter;
  }

  /** Removes a session without connections that has nothing to write. */
  #removeUnused(session: SharedSession): void {
    if (session.connections > 0 || !session.settled || this.#sessions.get(session.id) !== session) return;
    this.#sessions.delete(session.id);
    this.#writerOf(session.id).remove(session);
  }

  #failed(operation: StoreOperation, error: unknown, seconds = 0): void {
    // What waits when the connections are closed fails, and is not tried again.
    if (this.#closed) return;
    this.#awaySince ??= performance.now();
    this.#options.observer.failed(operation, storeFailure(error), seconds);
  }

  /** A batch was acknowledged. In a Cluster, another node may still be away. */
  #recovered(): void {
    if (this.#awaySince === undefined || this.#writers.some(({ failingSince }) => failingSince !== undefined)) return;
    const seconds = (performance.now() - this.#awaySince) / 1000;
    this.#awaySince = undefined;
    this.#options.observer.available(seconds);
  }

  /** After each connect: the store may have lost data, so all known counts are written. */
  #connected(): void {
    // Before anything waits for replicas, and blocks the connection.
    void this.#check();
    for (const writer of this.#writers) writer.retryNow();
    this.#writeKnownCounts();
    this.#probe();
  }

  /**
   * Reports, once, what keeps the servers from acknowledging batches, or can lose some.
   * @returns why no batch would ever be acknowledged
   */
  async #check(): Promise<string | undefined> {
    const { replicas, fsync } = this.#options.acknowledgement;
    if (this.#checked || (replicas === 0 && !fsync)) return undefined;
    this.#checking ??= this.#runner.check().finally(() => {
      this.#checking = undefined;
    });
    const findings = await this.#checking;
    if (findings === undefined) return undefined;
    this.#report([...findings.refusals, ...findings.warnings]);
    return findings.refusals[0];
  }

  #report(sentences: readonly string[]): void {
    if (this.#checked) return;
    this.#checked = true;
    for (const each of sentences) this.#options.observer.warned(each);
  }

  /** Other instances have to connect and write the counts that they know before a stored count is right. */
  #lost(): void {
    const holdMs = 2 * this.#timeoutMs + MAX_RECONNECT_MS;
    this.#recoveringUntil = performance.now() + holdMs;
    this.#options.observer.lost(holdMs / 1000);
    this.#writeKnownCounts();
  }

  /** Writes the known counts of all sessions. */
  #writeKnownCounts(): void {
    for (const session of this.#sessions.values()) if (session.count > 0) this.#writerOf(session.id).enqueue(session);
  }

  /** Sends an empty batch to see whether the store works. */
  #probe(): void {
    if (this.#probing || this.health.pendingSessions > 0) return;
    this.#probing = true;
    const startedAt = performance.now();
    this.#runner.apply([`${PREFIXES[0]}probe`, `${PREFIXES[0]}probe:none`], ['0', '1', '1', '0', '0']).then(
      () => {
        this.#probing = false;
        this.#options.observer.done('read', (performance.now() - startedAt) / 1000);
        this.#recovered();
      },
      (error: unknown) => {
        this.#probing = false;
        this.#failed('read', error, (performance.now() - startedAt) / 1000);
      },
    );
  }

  /** @param now as it was before replies were read: whoever's time ended since may have one that is not read yet */
  #expire(now: number): void {
    for (const writer of this.#writers)
      for (const session of [...writer.all()]) {
        this.#pendingMessages -= session.expire(now);
        if (session.count === 0) this.#removeUnused(session);
      }
  }

  #every(ms: number, work: () => void): void {
    this.#timers.push(setInterval(work, ms).unref());
  }
}

/** Bucket of an id. All digits count, since ids that clients choose need not be random. */
function bucketOf(id: SessionId): number {
  let hash = 0;
  for (let index = 0; index < id.length; index += 1) hash = (hash * 31 + id.charCodeAt(index)) | 0;
  return (hash ^ (hash >>> 16)) & (BUCKETS - 1);
}

function ignore(): void {
  // Turns a promise of a count into one of nothing.
}
