import { randomUUID } from 'node:crypto';
import { backoffMs, type BackoffBounds } from '../../../../lib/backoff.ts';
import type { ScriptRunner } from './script-runner.ts';
import type { SharedSession } from './shared-session.ts';
import { LOST_MARK, MAX_BATCH_SESSIONS } from './batch-script.ts';

/** What a {@link BatchWriter} is made from. */
export interface BatchWriterOptions {
  readonly runner: ScriptRunner;
  /** What all of its keys begin with: `wmc:{b7}:`. */
  readonly prefixOf: (session: SharedSession) => string;
  /** Prefix of the writer's own key. */
  readonly ownPrefix: string;
  readonly ttlSeconds: number;
  /** The store has a batch, after so many seconds. */
  readonly onKept: (sessions: readonly SharedSession[], messages: number, seconds: number) => void;
  /** The store lost what it had, this writer's last batch with it. Told before anyone is told a count of this one. */
  readonly onLost: () => void;
  /** The batch could not be written; it is tried again. */
  readonly onFailed: (error: unknown, messages: number) => void;
}

/** Waits before a failed batch is sent again. */
const BACKOFF: BackoffBounds = { baseMs: 100, maxMs: 1000 };
/** Least time that a writer's key is kept: longer than any outage after which a batch is sent again. */
const MIN_WRITER_TTL_SECONDS = 86_400;

/**
 * Writes what sessions add in batches, one at a time: the next is made when the last one's reply is here, of all that came
 * meanwhile. So one round trip serves many, the more the slower the store is. A batch that failed is sent again unchanged, with
 * the same number, by which the store knows whether it has it.
 */
export class BatchWriter {
  readonly #options: BatchWriterOptions;
  readonly #key: string;
  readonly #keyTtlSeconds: number;
  readonly #queue = new Set<SharedSession>();
  #batch: Batch | undefined;
  #sequence = 0;
  /** When the last batch was kept, on `performance.now`'s clock. */
  #keptAt = 0;
  #soon = false;
  #scheduled = false;
  #retry: NodeJS.Timeout | undefined;
  #idle: (() => void)[] = [];
  #closed = false;

  constructor(options: BatchWriterOptions) {
    this.#options = options;
    this.#key = `${options.ownPrefix}writer:${randomUUID()}`;
    this.#keyTtlSeconds = Math.max(MIN_WRITER_TTL_SECONDS, Math.ceil(options.ttlSeconds));
  }

  /** Sessions that wait, or are in the batch on its way. */
  get sessions(): number {
    return this.#queue.size + (this.#batch?.sessions.length ?? 0);
  }

  /** Puts a session into the next batch, which leaves at the end of this loop turn or as soon as the last one is back. */
  writeSoon(session: SharedSession): void {
    this.#queue.add(session);
    this.#soon = true;
    this.#schedule();
  }

  /** Puts a session into the batch that {@link flush} makes. */
  write(session: SharedSession): void {
    this.#queue.add(session);
  }

  /** Takes a session out that has nothing to write. */
  forget(session: SharedSession): void {
    this.#queue.delete(session);
  }

  /** Writes what waits. */
  flush(): void {
    if (this.#queue.size === 0) return;
    this.#soon = true;
    this.#schedule();
  }

  /** Resolves once nothing waits and nothing is on its way, or once it is closed. */
  async untilIdle(): Promise<void> {
    this.flush();
    while (this.sessions > 0 && !this.#closed)
      await new Promise<void>((resolve) => {
        this.#idle.push(resolve);
      });
  }

  /** Sends a batch that waits to be sent again: the store is back. */
  kick(): void {
    if (this.#retry === undefined) return;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    void this.#send(0);
  }

  /** Sessions that wait or are on their way. */
  *all(): Iterable<SharedSession> {
    yield* this.#queue;
    if (this.#batch !== undefined) yield* this.#batch.sessions;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #schedule(): void {
    if (this.#scheduled || this.#batch !== undefined) return;
    this.#scheduled = true;
    // After this turn's sockets have been read: what they brought goes along.
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
    if (this.#queue.size === 0) this.#soon = false;
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
      this.#options.onFailed(error, batch.messages);
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
    // A writer that was idle for longer than its key lives finds it gone, too.
    if (lost && now - this.#keptAt < this.#keyTtlSeconds * 1000) this.#options.onLost();
    this.#keptAt = now;
    this.#batch = undefined;
    batch.sessions.forEach((session, index) => {
      session.kept(Number(counts[index]));
    });
    this.#options.onKept(batch.sessions, batch.messages, (now - startedAt) / 1000);
    if (this.#soon && this.#queue.size > 0) this.#schedule();
    else if (this.sessions === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }
}

interface Batch {
  readonly sessions: readonly SharedSession[];
  readonly keys: string[];
  readonly args: string[];
  readonly messages: number;
}
