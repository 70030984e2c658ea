import {
  StoreFullError,
  type OpenedSession,
  type OpenOptions,
  type Session,
  type SessionId,
  type SessionStore,
  type StoreHealth,
} from './session-store.ts';

/** What a {@link MemoryStore} may be told. */
export interface MemoryStoreOptions {
  /** Seconds that a session is kept after its last connection let go. */
  readonly ttlSeconds: number;
  /** Most sessions held. */
  readonly maxSessions: number;
  /** Milliseconds on a clock that never goes back; `performance.now` by default. */
  readonly now?: () => number;
}

/**
 * Sessions in the process' own memory: gone when it ends.
 *
 * Idle sessions stand in a map in the order in which they were let go of. So the ones to expire are at its head, and no scan
 * is needed.
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
    // Of a session that counted nothing no client was told anything: starting anew is the same as resuming it.
    if (session.count > 0) this.#idle.set(session.id, { count: session.count, expiresAt: this.#now() + this.#ttlMs });
  }

  /** Forgets the sessions whose time is over. Called by a timer; at most 10,000 a call, so that it never holds the loop. */
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

/** What is kept of a session that no connection holds. */
interface IdleSession {
  readonly count: number;
  readonly expiresAt: number;
}
