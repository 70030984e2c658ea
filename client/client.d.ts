/** The client of WebSocket Message Counter, for browsers and Node.js (22 and later). docs/clients.md says what it does. */

/** How a client is set up; times are in milliseconds. */
export interface ClientOptions {
  /** Session to go on with, a UUID. Left out, the client makes a new one. */
  readonly sessionId?: string | undefined;
  /** Resume token of that session, from a client before: its `resumeToken`. */
  readonly resumeToken?: string | undefined;
  /**
   * The server's HEARTBEAT_INTERVAL_SECONDS. A connection is given up after two to two and a half of them without a message.
   */
  readonly heartbeatMs?: number;
  /** Time for a connection to open, for the endpoint to answer, and for a close to be answered. */
  readonly connectTimeoutMs?: number;
  /** Longest first wait before a reconnect that the server did not time. It doubles with each up to `maxBackoffMs`; the wait is random, from 0 to that. */
  readonly backoffMs?: number;
  /** Longest wait before a reconnect that the server did not time. */
  readonly maxBackoffMs?: number;
  /** Most messages that wait for a connection. All of them are sent at once: keep it below the server's MESSAGE_BURST. */
  readonly maxUnsent?: number;
}

/** What a client is doing. `stopped` is the end: make another client to go on. */
export type ClientState = 'connecting' | 'open' | 'leaving' | 'waiting' | 'stopped';

/** Why a handshake was refused, as the endpoint says. */
export interface Refusal {
  /** HTTP status. */
  readonly status: number;
  /** What docs/protocol.md calls the refusal; nothing if another server answered. */
  readonly error: string | undefined;
  /** What was wrong and what to do, for people. */
  readonly message: string | undefined;
  /** Milliseconds to wait before the next attempt, where the server says. */
  readonly retryAfterMs: number | undefined;
}

/** Why a client stopped: by `close()`, by a refusal, or by a close code that can't get better. */
export type Stopped =
  | { readonly reason: 'closed' }
  | ({ readonly reason: 'refused' } & Refusal)
  | { readonly reason: 'close_code'; readonly code: number };

/** The bye of the server as it stands on the wire, or nothing where the client itself is closing. */
export interface Bye {
  readonly bye?: true;
  readonly total?: number;
  readonly session_id?: string;
  readonly retry_after_ms?: number;
  readonly resume?: string;
}

/** The answer to a message. */
export interface Answer {
  readonly count: number;
  /** What the service's handler answered; nothing where it answers with the count alone. */
  readonly data?: unknown;
}

/** The events of a client, with their `detail`. Each change of `state` is an event of that name. */
export interface ClientEvents {
  /** A connection is being opened, or the endpoint asked why one was refused. */
  readonly connecting: Record<string, never>;
  /** Messages are sent at once from now on. */
  readonly open: { readonly sessionId: string };
  /** The connection is about to close, after a bye or `close()`: messages wait for the next one. */
  readonly leaving: Bye;
  /** The next connect is in `ms`, which the server asked for, or which the client took at random. */
  readonly waiting: { readonly ms: number; readonly asked: boolean };
  /** The client has ended, and what was not sent is rejected. */
  readonly stopped: Stopped;
  /**
   * A message was counted. `missed` counts lie between this one and the one known before: messages of this client that were
   * counted but not answered, or those of others in the same session. Below 0, the server has lost the session's count. `data` is
   * what the service's handler answered, if it did.
   */
  readonly count: { readonly count: number; readonly missed: number; readonly data?: unknown };
  /** The server's heartbeat. */
  readonly heartbeat: { readonly ts: string };
  /**
   * A connection ended, or did not open: 1006 with the reason `silent` is one that the client gave up. `unanswered` messages
   * were sent, and are rejected: they may have been counted.
   */
  readonly close: { readonly code: number; readonly reason: string; readonly unanswered: number };
  /** A handshake was refused, and the endpoint said why. */
  readonly refused: Refusal;
}

/** A message has no count to resolve with. */
export declare class UnansweredError extends Error {
  constructor(sent: boolean);
  /** True: it was sent, and may have been counted. False: it was not sent, so it was not counted. */
  readonly sent: boolean;
}

/** The options that a client uses where it is given none. */
export declare const DEFAULTS: Required<Omit<ClientOptions, 'sessionId' | 'resumeToken'>>;

/**
 * One session: sends its messages and resolves with their counts, over as many connections as it takes. It connects when it is
 * made. A message is sent once and never again by the client itself, so it is never counted twice.
 */
export declare class CounterClient extends EventTarget {
  /**
   * @param url of the WebSocket endpoint; ws, wss, http or https, in a browser also relative to the page
   * @throws {SyntaxError} {TypeError} if it is no such URL
   */
  constructor(url: string | URL, options?: ClientOptions);
  readonly state: ClientState;
  readonly sessionId: string;
  /** What the last bye handed over, until a count came on another connection: keep it with `sessionId` to go on later. */
  readonly resumeToken: string | undefined;
  /** The last count of the session that the client received; `undefined` before the first one of a session that it did not create. */
  readonly count: number | undefined;

  /**
   * Sends a message; while there is no connection it waits for the next.
   * @returns its count; rejects with an {@link UnansweredError}. It may be ignored: then the events tell the counts.
   * @throws {TypeError} if it is not a string: the server closes on binary messages
   */
  send(text: string): Promise<number>;

  /**
   * Sends a message as `send` does.
   * @returns its count, and the `data` of the service's handler; rejects as `send` does
   * @throws {TypeError} if it is not a string
   */
  ask(text: string): Promise<Answer>;

  /** Closes with 1000 and stops. What was sent is answered until the server closes too. */
  close(): void;

  addEventListener<E extends keyof ClientEvents>(
    type: E,
    listener: ((event: CustomEvent<ClientEvents[E]>) => void) | null,
    options?: { readonly once?: boolean; readonly signal?: AbortSignal },
  ): void;
  addEventListener(...rest: Parameters<EventTarget['addEventListener']>): void;
}
