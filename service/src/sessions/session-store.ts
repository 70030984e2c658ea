/** A session's UUID, in lower case. */
export type SessionId = string & { readonly __brand: 'SessionId' };

/**
 * A session while connections hold it. Connections with the same id share one object, so that no count is lost or
 * doubled.
 */
export interface Session {
  readonly id: SessionId;
  /** Messages counted so far. */
  count: number;
  /** Connections that hold it. */
  connections: number;
}

/** Result of opening a session. */
export interface OpenedSession {
  readonly session: Session;
  /** The store knew it, or another connection holds it. */
  readonly resumed: boolean;
}

/** State of a store. */
export interface StoreHealth {
  /** Its last operation succeeded. */
  readonly up: boolean;
  /** Counted messages that are not stored yet. */
  readonly pendingMessages: number;
  /** Sessions that wait to be written or read. */
  readonly pendingSessions: number;
}

/** What is known of a session before it is opened. */
export interface OpenOptions {
  /** This process just created the id: the session is new, and nothing needs to be read. */
  readonly fresh?: boolean;
  /** Count of a resume token: the session continues from it, or from the store's count if that is larger. */
  readonly floor?: number;
}

/** A store of sessions. */
export interface SessionStore {
  /** Sessions in this process, connected or not. */
  readonly size: number;
  /** For metrics and readiness. */
  readonly health: StoreHealth;
  /**
   * Before the first connection: waits until it knows whether it can do what the configuration asks for, or can't find
   * out now.
   * @throws {StoreUnsuitableError} by the promise
   */
  prepare?(): Promise<void>;
  /**
   * Opens a session for one connection, and creates it if it is new. A store that need not wait answers synchronously,
   * so that the handshake ends in the same turn of the event loop.
   * @throws {StoreFullError} when no more sessions can be held
   * @throws {StoreUnavailableError} when the store can't read the session's count
   */
  open(id: SessionId, options?: OpenOptions): OpenedSession | Promise<OpenedSession>;
  /**
   * Counts one message.
   * @returns the new count of the session: synchronously from a store that need not wait, otherwise once it is stored.
   * The promises of one session are settled in the order of the calls.
   * @throws {StoreUnavailableError} when the count can't be stored, thrown or by the promise
   */
  add(session: Session): number | Promise<number>;
  /**
   * Waits until everything counted so far is stored, so that any process resumes from this count.
   * @returns `undefined` when there is nothing to wait for
   * @throws {StoreUnavailableError} by the promise, when the store does not answer in time
   */
  settle(session: Session): Promise<void> | undefined;
  /** Releases a session that a connection held. */
  release(session: Session): void;
  /** Stores everything counted so far. */
  flush(): Promise<void>;
  /** Stops timers and connections of the store. */
  close(): Promise<void>;
}

/** The store can't hold another session. */
export class StoreFullError extends Error {
  override readonly name = 'StoreFullError';
}

/** The store can't be reached, or did not answer in time. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
}

/** The store can't do what the configuration asks for. The message says what to change. */
export class StoreUnsuitableError extends Error {
  override readonly name = 'StoreUnsuitableError';
}
