import {
  StoreFullError,
  type OpenedSession,
  type OpenOptions,
  type Session,
  type SessionId,
  type SessionStore,
  type StoreHealth,
} from './session-store.ts';

/** Options of a {@link MemoryStore}. */
export interface MemoryStoreOptions {
  /** Seconds that a session is kept after its last connection closed. */
  readonly ttlSeconds: number;
  /** Maximum number of sessions. */
  readonly maxSessions: number;
  /** Milliseconds on a clock that never goes back; `performance.now` by default. */
  readonly now?: () => number;
}

/**
 * Sessions in the process' own memory: gone when it ends.
 *
 * The map of idle sessions is in the order of their release: the next ones to expire are at its head, without a scan.
 */
export class MemoryStore implements SessionStore {
  readonly health: StoreHealth = { up: true, pendingMessages: 0, pendingSessions: 0 };
  readonly #live = new Map<SessionId, Session>();
  readonly #idle = new Map<SessionId, IdleSession>();
  readonly #ttlMs: number;
  readonly #maxSessions: number;
  readonly #now: () => number;
  readonly #sweeper: NodeJS.Timeout;

  constructor({ ttlSeconds, maxSessions, now = () => performance.now() }: MemoryStoreOptions) {
    this.#ttlMs = ttlSeconds * 1000;
    this.#maxSessions = maxSessions;
    this.#now = now;
    this.#sweeper = setInterval(
      () => {
        this.expire();
      },
      Math.min(this.#ttlMs, 1000),
    ).unref();
  }

  get size(): number {
    return this.#live.size + this.#idle.size;
  }

  open(id: SessionId, { fresh = false, floor = 0 }: OpenOptions = {}): OpenedSession {
    const live = fresh ? undefined : this.#live.get(id);
    if (live !== undefined) {
      live.count = Math.max(live.count, floor);
      live.connections += 1;
      return { session: live, resumed: true };
    }
    const idle = fresh ? undefined : this.#takeIdle(id);
    if (idle === undefined && this.size >= this.#maxSessions)
      throw new StoreFullError(`${this.size} sessions are held and MAX_SESSIONS=${this.#maxSessions}`);
    const session: Session = { id, count: Math.max(idle?.count ?? 0, floor), connections: 1 };
    this.#live.set(id, session);
    return { session, resumed: idle !== undefined || floor > 0 };
  }

  add(session: Session): number {
    session.count += 1;
    return session.count;
  }

  settle(): undefined {
    return undefined;
  }

  release(session: Session): void {
    session.connections -= 1;
    if (session.connections > 0) return;
    this.#live.delete(session.id);
    // No client knows anything of a session with a count of 0: starting again is the same as resuming it.
    if (session.count > 0) this.#idle.set(session.id, { count: session.count, expiresAt: this.#now() + this.#ttlMs });
  }

  /** Removes expired sessions; called by a timer. At most 10,000 a call, so that it never blocks the event loop. */
  expire(): void {
    const now = this.#now();
    let left = 10_000;
    for (const [id, idle] of this.#idle) {
      if (idle.expiresAt > now || left-- === 0) return;
      this.#idle.delete(id);
    }
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    clearInterval(this.#sweeper);
    return Promise.resolve();
  }

  #takeIdle(id: SessionId): IdleSession | undefined {
    const idle = this.#idle.get(id);
    if (idle === undefined) return undefined;
    this.#idle.delete(id);
    return idle.expiresAt > this.#now() ? idle : undefined;
  }
}

/** A session that no connection holds. */
interface IdleSession {
  readonly count: number;
  readonly expiresAt: number;
}
