import type { SessionId } from '../sessions/session-store.ts';

/** Path of the WebSocket endpoint; the slash at its end may be left out. */
export const WEBSOCKET_PATH = '/ws/chat/';

/**
 * Close codes the service sends (RFC 6455, section 7.4.1; 1013 from the IANA WebSocket close code registry).
 * `client` says what a good client does.
 */
export const CLOSE_CODES = {
  normal: { code: 1000, when: 'the client closed', client: 'nothing' },
  goingAway: {
    code: 1001,
    when: 'after a bye: drain, maximum connection age, idle timeout',
    client: 'wait `retry_after_ms`, then connect again with its `session_id`',
  },
  protocolError: { code: 1002, when: 'a frame that violates RFC 6455', client: 'fix its WebSocket library' },
  unsupportedData: { code: 1003, when: 'a binary message', client: 'send text' },
  invalidPayload: { code: 1007, when: 'text that is not UTF-8', client: 'send UTF-8' },
  policyViolation: {
    code: 1008,
    when: 'more messages than MESSAGE_RATE allows, a message that takes longer than MESSAGE_TIMEOUT_SECONDS, or one in more than 16,384 fragments of less than 64 bytes each',
    client: 'slow down, back off, resume; send larger fragments',
  },
  messageTooBig: { code: 1009, when: 'a message larger than MAX_MESSAGE_BYTES', client: 'send smaller messages' },
  internalError: { code: 1011, when: 'an error in the service, or its handler failed', client: 'back off, resume' },
  tryAgainLater: {
    code: 1013,
    when: 'the session store is away',
    client: 'back off (the reason holds `retry_after_ms`), resume',
  },
} as const;

/** Why the service, rather than the client, ended a connection. */
export type CloseReason =
  | 'drain'
  | 'max_age'
  | 'idle'
  | 'binary_message'
  | 'message_too_big'
  | 'invalid_utf8'
  | 'protocol_error'
  | 'too_many_fragments'
  | 'message_timeout'
  | 'rate_limited'
  | 'slow_reader'
  | 'heartbeat_timeout'
  | 'internal'
  | 'handler'
  | 'store';

/**
 * Why a handshake was rejected, with the HTTP status of the answer. The key is the `error` of its JSON body and the
 * `reason` label of `websocket_handshakes_rejected_total`.
 */
export const REJECTIONS = {
  malformed: { status: 400, when: 'a malformed request, handshake header or `session_id`' },
  resume_token: {
    status: 403,
    when: 'a `resume` token that is forged, expired, of another session, or older than the known count of the session: connect without it',
  },
  unauthorized: { status: 401, when: '`authorize` of `handler.ts` denied the client, with this status or another' },
  origin: { status: 403, when: 'an Origin that is not in ALLOWED_ORIGINS' },
  path: { status: 404, when: `an upgrade on another path than ${WEBSOCKET_PATH}` },
  method: { status: 405, when: 'an upgrade with another method than GET' },
  timeout: { status: 408, when: 'a handshake not finished within HANDSHAKE_TIMEOUT_SECONDS' },
  not_upgrade: { status: 426, when: `a plain request on ${WEBSOCKET_PATH}` },
  rate: { status: 429, when: 'more handshakes a second from one address than HANDSHAKE_RATE_PER_ADDRESS' },
  address_connections: { status: 429, when: 'more connections from one address than MAX_CONNECTIONS_PER_ADDRESS' },
  headers_too_large: { status: 431, when: 'request headers over 16 KiB' },
  internal: { status: 500, when: 'an error in the service' },
  capacity: { status: 503, when: 'MAX_CONNECTIONS or MAX_SESSIONS reached' },
  draining: { status: 503, when: 'the process is draining since SIGTERM, or has not started' },
} as const;

/** A key of {@link REJECTIONS}. */
export type RejectionReason = keyof typeof REJECTIONS;

/** Rejections that protect the service from too many handshakes: a client that waits as it is asked to gets in. */
export const ADMISSION_REJECTIONS: readonly RejectionReason[] = ['rate', 'address_connections'];

/** Body of every HTTP answer that is an error. */
export interface ErrorBody {
  /** Machine-readable: a {@link RejectionReason}, or `not_found`, `method_not_allowed`. */
  readonly error: string;
  /** What was wrong and what to do, for people. */
  readonly message: string;
  readonly request_id?: string;
  /** Milliseconds to wait before trying again, where trying again helps. */
  readonly retry_after_ms?: number;
}

/** The reply to a counted message. A template, since it is on the hot path and a number needs no escaping. */
export function countReply(count: number): string {
  return `{"count": ${count}}`;
}

/** The reply to a message that a handler answered. @param data JSON text */
export function dataReply(count: number, data: string): string {
  return `{"count": ${count}, "data": ${data}}`;
}

/** The heartbeat, the same for every client. */
export function heartbeat(now: Date): string {
  return `{"ts": "${now.toISOString()}"}`;
}

/**
 * The last message before a 1001.
 * @param resume token that lets any process go on from this total, where hand-over is configured
 */
export function bye(total: number, sessionId: SessionId, retryAfterMs: number, resume?: string): string {
  return JSON.stringify({ bye: true, total, session_id: sessionId, retry_after_ms: retryAfterMs, resume });
}

/**
 * Reads `session_id` from a query string.
 * @returns the id in lower case; `undefined` if there is none; `null` if it is malformed or given twice
 */
export function requestedSessionId(query: URLSearchParams): SessionId | undefined | null {
  const values = query.getAll('session_id');
  if (values.length === 0) return undefined;
  const [value] = values;
  return values.length === 1 && value !== undefined && UUID.test(value) ? (value.toLowerCase() as SessionId) : null;
}

/** RFC 9562, section 4: any version. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
