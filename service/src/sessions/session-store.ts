/** A session's UUID, in lower case. */
export type SessionId = string & { readonly __brand: 'SessionId' };

/** A session while connections hold it. Connections with one id share one object, so none of them loses or doubles a count. */
export interface Session {
  readonly id: SessionId;
  /** Messages counted so far. */
  count: number;
  /** Connections that hold it now. */
  connections: number;
}

/** What opening a session gave. */
export interface OpenedSession {
  readonly session: Session;
  /** The store knew it: it was counting before, or another connection holds it. */
  readonly resumed: boolean;
}

/** How a store is. */
export interface StoreHealth {
  /** It answered last time. */
  readonly up: boolean;
  /** Messages counted that it does not have yet. */
  readonly pendingMessages: number;
  /** Sessions that wait to be written, or read. */
  readonly pendingSessions: number;
}

/** What is known of a session that is to be opened. */
export interface OpenOptions {
  /** The id was made by this process just now: no one can know the session, so nothing need be read. */
  readonly fresh?: boolean;
  /** Count that a resume token vouches for: the session goes on from it, or from what the store knows if that is more. */
  readonly floor?: number;
}

/** Where sessions live. */
export interface SessionStore {
  /** Sessions it holds now, connected or not. */
  readonly size: number;
  /** How it is: for metrics and readiness. */
  readonly health: StoreHealth;
  /**
   * Takes hold of a session for one connection, making it if it is new. A store that need not wait answers at once, so
   * that a handshake is not a loop turn longer.
   * @throws {StoreFullError} when no more sessions can be held
   * @throws {StoreUnavailableError} when the store can't say what the session's count is
   */
  open(id: SessionId, options?: OpenOptions): OpenedSession | Promise<OpenedSession>;
  /**
   * Counts one message.
   * @returns the session's count with it: at once from a store that need not wait, else once the store has it; the
   * promises of one session are settled in the order of its calls
   * @throws {StoreUnavailableError} when the count can't be kept, thrown or by the promise
   */
  add(session: Session): number | Promise<number>;
  /**
   * Waits until everything counted of a session so far is kept, so that its count is what any process would resume from.
   * @returns `undefined` when there is nothing to wait for
   * @throws {StoreUnavailableError} by the promise, when the store does not answer in time
   */
  settle(session: Session): Promise<void> | undefined;
  /** Lets go of a session that a connection held. */
  release(session: Session): void;
  /** Writes what is not yet kept. */
  flush(): Promise<void>;
  /** Ends timers and connections of the store. */
  close(): Promise<void>;
}

/** The store can't hold another session. */
export class StoreFullError extends Error {
  override readonly name = 'StoreFullError';
}

/** The store can't be reached, or can't answer in time. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
}
