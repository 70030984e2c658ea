import { BatchWriter } from './batch-writer.ts';
import {
  MAX_RECONNECT_MS,
  RedisRunner,
  storeErrorReason,
  type ScriptRunner,
  type StoreErrorReason,
} from './script-runner.ts';
import type { RedisTarget } from '../../config/redis-url.ts';
import {
  StoreFullError,
  StoreUnavailableError,
  type OpenedSession,
  type OpenOptions,
  type Session,
  type SessionId,
  type SessionStore,
  type StoreHealth,
} from '../session-store.ts';
import { SharedSession } from './shared-session.ts';

/** What the store tells of its work. */
export interface StoreObserver {
  /** A batch was kept, after so many seconds; it held messages (`write`) or only asked for counts (`read`). */
  readonly done: (operation: StoreOperation, seconds: number) => void;
  readonly failed: (operation: StoreOperation, reason: StoreErrorReason, error: unknown) => void;
  /** The store lost what it had: nobody resumes for so many seconds, in which instances write what they know. */
  readonly lost: (holdSeconds: number) => void;
  /** The store can be used again, after so many seconds. */
  readonly available: (awaySeconds: number) => void;
}

/** What a batch does: the `operation` label. */
export const STORE_OPERATIONS = ['read', 'write'] as const;

/** A value of {@link STORE_OPERATIONS}. */
export type StoreOperation = (typeof STORE_OPERATIONS)[number];

/** What a {@link RedisStore} is made from. */
export interface RedisStoreOptions {
  readonly target: RedisTarget;
  readonly caFile: string;
  /** `relaxed` answers at once and writes behind; `strict` answers once the store has the count. */
  readonly durability: 'relaxed' | 'strict';
  /** Seconds that a session is kept after it was last used. */
  readonly ttlSeconds: number;
  /** Seconds from a count to its write in relaxed mode. */
  readonly flushIntervalSeconds: number;
  /** Seconds after which one who waits for the store is told that it is away. */
  readonly timeoutSeconds: number;
  /** Most messages that wait for the store in strict mode. */
  readonly maxPending: number;
  /** Most sessions held: connected, or with counts to write. */
  readonly maxSessions: number;
  readonly observer: StoreObserver;
}

/** Hash buckets of the keys. In a Cluster a batch is of one bucket, since a script's keys must be in one slot. */
const BUCKETS = 64;
/** What the keys of each bucket begin with: their slot in a Cluster is that of what is in the braces. */
const PREFIXES = Array.from({ length: BUCKETS }, (_, bucket) => `wmc:{b${bucket}}:`);
/** How often a store that is away is tried when nothing waits for it, in milliseconds. */
const PROBE_MS = 500;

/**
 * Sessions in a Redis or Valkey that processes share.
 *
 * Processes write what they added, never a count of their own: so a session that two of them hold loses and doubles nothing. A
 * count is read by adding nothing to it, in the same batches. An opened session is always read first, even one that is held
 * here: another process may have told its client more since.
 */
export class RedisStore implements SessionStore {
  readonly #options: RedisStoreOptions;
  readonly #runner: ScriptRunner;
  readonly #sessions = new Map<SessionId, SharedSession>();
  /** One, or in a Cluster one for each bucket. */
  readonly #writers: readonly BatchWriter[];
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #timeoutMs: number;
  readonly #strict: boolean;
  #awaySince: number | undefined = performance.now();
  /** Until when a store that lost its counts is not asked for one, on `performance.now`'s clock. */
  #heldUntil = 0;
  #probing = false;
  #pendingMessages = 0;

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
    });
    const writers = options.target.kind === 'cluster' ? BUCKETS : 1;
    this.#writers = Array.from({ length: writers }, (_, bucket) => this.#createWriter(bucket));
    this.#every(options.flushIntervalSeconds * 1000, () => {
      for (const writer of this.#writers) writer.flush();
    });
    this.#every(Math.min(250, this.#timeoutMs / 8), () => {
      // After this turn's replies are read: timers run before them, and a process that was stalled would give up what is there.
      setImmediate(() => {
        this.#expire();
      });
    });
    this.#every(PROBE_MS, () => {
      if (this.#awaySince !== undefined) this.#probe();
    });
    // A session that is held lives on, however long its client is silent.
    this.#every(Math.min(options.ttlSeconds * 300, 2 ** 31 - 1), () => {
      this.#assert();
    });
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
      // The first of an interval alone finds it clean.
      if (session.pending === 1) this.#writerOf(session.id).write(session);
      return session.count;
    }
    this.#refuseWhileAway();
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
    // Its time begins anew with this write, even if there is nothing to add.
    if (session.settled && session.count === 0) this.#forget(session);
    else if (session.settled) this.#writerOf(session.id).write(session);
    else this.#writerOf(session.id).writeSoon(session);
  }

  async flush(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.untilIdle()));
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    for (const writer of this.#writers) writer.close();
    await this.#runner.close();
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
      this.#refuseWhileAway();
      this.#refuseWhileHeld();
      await this.#wait(session, 0);
      this.#refuseWhileHeld();
    } catch (error) {
      // What is known of it here is still to be written.
      this.release(session);
      throw error;
    }
    return { session, resumed: known || session.count > 0 };
  }

  #wait(session: SharedSession, messages: 0 | 1): Promise<number> {
    const kept = session.wait(messages, performance.now() + this.#timeoutMs);
    this.#writerOf(session.id).writeSoon(session);
    return kept;
  }

  /** While the store is known to be away nobody waits for it in vain. */
  #refuseWhileAway(): void {
    if (this.#awaySince !== undefined && performance.now() - this.#awaySince > this.#timeoutMs)
      throw new StoreUnavailableError('the session store is away');
  }

  /** After a loss of data a count that is read may be less than another instance is about to write. */
  #refuseWhileHeld(): void {
    if (performance.now() < this.#heldUntil)
      throw new StoreUnavailableError('the session store lost counts, which are being written again');
  }

  #createWriter(bucket: number): BatchWriter {
    return new BatchWriter({
      runner: this.#runner,
      ownPrefix: PREFIXES[bucket] as string,
      prefixOf: (session) => PREFIXES[bucketOf(session.id)] as string,
      ttlSeconds: this.#options.ttlSeconds,
      onKept: (sessions, messages, seconds) => {
        this.#pendingMessages -= messages;
        this.#options.observer.done(messages > 0 ? 'write' : 'read', seconds);
        this.#back();
        for (const session of sessions) this.#forget(session);
      },
      onLost: () => {
        this.#lost();
      },
      onFailed: (error, messages) => {
        this.#failed(messages > 0 ? 'write' : 'read', error);
      },
    });
  }

  #writerOf(id: SessionId): BatchWriter {
    return this.#writers[this.#writers.length === 1 ? 0 : bucketOf(id)] as BatchWriter;
  }

  /** Lets go of a session that no connection holds and that has nothing to write. */
  #forget(session: SharedSession): void {
    if (session.connections > 0 || !session.settled || this.#sessions.get(session.id) !== session) return;
    this.#sessions.delete(session.id);
    this.#writerOf(session.id).forget(session);
  }

  #failed(operation: StoreOperation, error: unknown): void {
    this.#awaySince ??= performance.now();
    this.#options.observer.failed(operation, storeErrorReason(error), error);
  }

  #back(): void {
    if (this.#awaySince === undefined) return;
    const seconds = (performance.now() - this.#awaySince) / 1000;
    this.#awaySince = undefined;
    this.#options.observer.available(seconds);
  }

  /** A connection is there again: the store may have lost what it held, so it is told what is known here. */
  #connected(): void {
    for (const writer of this.#writers) writer.kick();
    this.#assert();
    this.#probe();
  }

  /** Other instances have to find it again and write what they know, too, before a count that is read can be trusted. */
  #lost(): void {
    const holdMs = 2 * this.#timeoutMs + MAX_RECONNECT_MS;
    this.#heldUntil = performance.now() + holdMs;
    this.#options.observer.lost(holdMs / 1000);
    this.#assert();
  }

  /** Writes the counts of all sessions held, as they are known. */
  #assert(): void {
    for (const session of this.#sessions.values()) if (session.count > 0) this.#writerOf(session.id).write(session);
  }

  /** With nothing to write, an empty batch tells that the store works. */
  #probe(): void {
    if (this.#probing || this.health.pendingSessions > 0) return;
    this.#probing = true;
    const startedAt = performance.now();
    this.#runner.apply([`${PREFIXES[0]}probe`, `${PREFIXES[0]}probe:none`], ['0', '1', '1', '0', '0']).then(
      () => {
        this.#probing = false;
        this.#options.observer.done('read', (performance.now() - startedAt) / 1000);
        this.#back();
      },
      (error: unknown) => {
        this.#probing = false;
        this.#failed('read', error);
      },
    );
  }

  #expire(): void {
    const now = performance.now();
    for (const writer of this.#writers)
      for (const session of [...writer.all()]) {
        this.#pendingMessages -= session.expire(now);
        if (session.count === 0) this.#forget(session);
      }
  }

  #every(ms: number, work: () => void): void {
    this.#timers.push(setInterval(work, ms).unref());
  }
}

/** Which of the {@link BUCKETS} an id belongs to. Ids that clients choose need not be random: all of their digits count. */
function bucketOf(id: SessionId): number {
  let hash = 0;
  for (let index = 0; index < id.length; index += 1) hash = (hash * 31 + id.charCodeAt(index)) | 0;
  return (hash ^ (hash >>> 16)) & (BUCKETS - 1);
}

function ignore(): void {
  // A promise of nothing.
}
