import type { IncomingMessage } from 'node:http';
import type { Config } from '../config/options.ts';
import { hasValidTarget } from '../http/normal-request.ts';
import type { Lifecycle } from '../lifecycle/lifecycle.ts';
import { requestedSessionId, WEBSOCKET_PATH, type RejectionReason } from '../protocol/protocol.ts';
import { randomUuid } from '../runtime/random-uuid.ts';
import { TOKEN_FAULTS, type ResumeTokens, type TokenFault } from '../sessions/resume-token.ts';
import type { OpenedSession, OpenOptions, SessionId } from '../sessions/session-store.ts';
import type { AddressLimiter, AddressRejection } from './address-limiter.ts';
import { originCheck } from './origin-check.ts';

/** Why a handshake is rejected. */
export interface Rejection {
  readonly reason: RejectionReason;
  /** What was wrong and what to do, for people. */
  readonly message: string;
  /** HTTP status, if it is not the one of the reason. */
  readonly status?: number;
  /** What is wrong with the resume token, if that is the reason. */
  readonly tokenFault?: TokenFault;
}

/** The session that a handshake asks for. */
export interface SessionRequest {
  readonly id: SessionId;
  readonly options: OpenOptions;
}

/** What the checks read. */
export interface CheckContext {
  readonly config: Config;
  readonly lifecycle: Lifecycle;
  readonly limiter: AddressLimiter;
  readonly resumeTokens: ResumeTokens | undefined;
  /** Connections that are open or about to be. */
  readonly connections: () => number;
}

/** The rules for accepting a handshake. */
export class HandshakeChecks {
  readonly #context: CheckContext;
  readonly #originAllowed: (origin: string | undefined, host: string | undefined) => boolean;

  constructor(context: CheckContext) {
    this.#context = context;
    this.#originAllowed = originCheck(context.config.allowedOrigins);
  }

  /**
   * Checks a handshake, cheap and specific rules first, and counts it for the rate of its address.
   * @param network what the limits of its address count
   */
  check(request: IncomingMessage, network: string): SessionRequest | Rejection {
    const { path, query } = splitUrl(request.url ?? '');
    const sessionId = requestedSessionId(query);
    return (
      checkTarget(request) ??
      this.#checkPath(path) ??
      this.#checkAccepting() ??
      checkUpgrade(request) ??
      checkSessionId(sessionId) ??
      this.#checkOrigin(request) ??
      checkAddress(this.#context.limiter.admit(network)) ??
      this.#checkCapacity() ??
      this.#sessionRequest(sessionId ?? undefined, query.get('resume'))
    );
  }

  /** Checks a plain request as if it were a handshake. Counts nothing. */
  checkPlain(request: IncomingMessage, network: string): SessionRequest | Rejection {
    const { query } = splitUrl(request.url ?? '');
    const sessionId = requestedSessionId(query);
    return (
      this.#checkAccepting() ??
      checkSessionId(sessionId) ??
      this.#checkOrigin(request) ??
      checkAddress(this.#context.limiter.check(network)) ??
      this.#checkCapacity() ??
      this.#sessionRequest(sessionId ?? undefined, query.get('resume'))
    );
  }

  /** Checks the opened session, and again whether the process accepts: it may have begun to close meanwhile. */
  checkOpened({ session }: OpenedSession, { floor }: OpenOptions): Rejection | undefined {
    return this.#checkAccepting() ?? (floor !== undefined && session.count > floor ? badToken('older') : undefined);
  }

  #checkPath(path: string): Rejection | undefined {
    if (path === WEBSOCKET_PATH) return undefined;
    return { reason: 'path', message: `WebSockets are served at ${WEBSOCKET_PATH}.` };
  }

  #checkAccepting(): Rejection | undefined {
    const { lifecycle } = this.#context;
    if (lifecycle.accepting) return undefined;
    const state = lifecycle.state === 'starting' ? 'starting' : 'shutting down';
    return { reason: 'draining', message: `This instance is ${state}: try again, another one answers.` };
  }

  #checkOrigin({ headers }: IncomingMessage): Rejection | undefined {
    if (this.#originAllowed(headers.origin, headers.host)) return undefined;
    return { reason: 'origin', message: 'This Origin is not in ALLOWED_ORIGINS.' };
  }

  #checkCapacity(): Rejection | undefined {
    const { config, connections } = this.#context;
    if (connections() < config.maxConnections) return undefined;
    return { reason: 'capacity', message: 'This instance is full: try again, another one may answer.' };
  }

  /** A session by its id, from the count of a resume token, or a new one. */
  #sessionRequest(id: SessionId | undefined, token: string | null): SessionRequest | Rejection {
    if (token === null) return { id: id ?? newSessionId(), options: { fresh: id === undefined } };
    const verified = this.#context.resumeTokens?.verify(token, id) ?? 'unconfigured';
    if (typeof verified !== 'number') return badToken(verified);
    return id === undefined ? badToken('foreign') : { id, options: { floor: verified } };
  }
}

/** Whether a request is for the WebSocket path. */
export function isWebSocketPath(url = ''): boolean {
  return splitUrl(url).path === WEBSOCKET_PATH;
}

/** RFC 6455, section 4.1: 16 bytes in base64. */
const KEY = /^[+/0-9A-Za-z]{22}==$/;

function checkTarget(request: IncomingMessage): Rejection | undefined {
  return hasValidTarget(request) ? undefined : malformed('The request target is not a path or a URL.');
}

/** RFC 6455, section 4.2.1. */
function checkUpgrade({ method, headers, headersDistinct, httpVersion }: IncomingMessage): Rejection | undefined {
  if (method !== 'GET') return { reason: 'method', message: 'A WebSocket handshake is a GET (RFC 6455, section 4.1).' };
  if (httpVersion !== '1.1') return malformed('A WebSocket handshake is HTTP/1.1 (RFC 6455, section 4.1).');
  if (headersDistinct.host?.length !== 1 || headers.host === '')
    return malformed('A WebSocket handshake has one Host header (RFC 9112, section 3.2).');
  if (!KEY.test(headers['sec-websocket-key'] ?? ''))
    return malformed('Sec-WebSocket-Key must be 16 bytes in base64 (RFC 6455, section 4.1).');
  if (headers['sec-websocket-version'] !== '13')
    return malformed('Sec-WebSocket-Version must be 13 (RFC 6455, section 4.1).');
  return undefined;
}

function checkSessionId(sessionId: SessionId | null | undefined): Rejection | undefined {
  if (sessionId !== null) return undefined;
  return malformed(
    'session_id must be one UUID, for example 3f2b8c1e-7d4a-4f0e-9b6a-2c5d8e1f0a9b; leave it out for a new session.',
  );
}

function checkAddress(overLimit: AddressRejection | undefined): Rejection | undefined {
  if (overLimit === 'rate') return { reason: 'rate', message: 'Too many handshakes from this address: slow down.' };
  if (overLimit === 'address_connections')
    return { reason: 'address_connections', message: 'Too many open connections from this address: close some.' };
  return undefined;
}

function malformed(message: string): Rejection {
  return { reason: 'malformed', message };
}

function badToken(fault: TokenFault): Rejection {
  const message = `The resume token is not valid: ${TOKEN_FAULTS[fault]}. Connect with session_id alone.`;
  return { reason: 'resume_token', message, tokenFault: fault };
}

function newSessionId(): SessionId {
  return randomUuid() as SessionId;
}

/** Path, with its slash at the end, and query. `URL` would throw for some input of clients. */
function splitUrl(url: string): { readonly path: string; readonly query: URLSearchParams } {
  const mark = url.indexOf('?');
  const path = mark === -1 ? url : url.slice(0, mark);
  return {
    path: path.endsWith('/') ? path : `${path}/`,
    query: mark === -1 ? NO_QUERY : new URLSearchParams(url.slice(mark + 1)),
  };
}

/** Never modified. */
const NO_QUERY = new URLSearchParams();
