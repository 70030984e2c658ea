import type { Duplex } from 'node:stream';
import { STATUS_CODES } from '../runtime/node-http.ts';
import type { ErrorBody } from '../protocol/protocol.ts';

/** Sends an HTTP error on a raw socket and ends it. */
export function endWithError(socket: Duplex, status: number, body: ErrorBody): void {
  const text = `${JSON.stringify(body)}\n`;
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}`,
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(text)}`,
    ...(body.retry_after_ms === undefined ? [] : [`Retry-After: ${retryAfterSeconds(body.retry_after_ms)}`]),
    ...(status === 400 ? ['Sec-WebSocket-Version: 13'] : []),
    ...(status === 405 ? ['Allow: GET'] : []),
  ];
  answered.add(socket);
  socket.once('finish', () => {
    linger(socket);
  });
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`);
}

/** Value of a Retry-After header (RFC 9110, section 10.2.3), which knows whole seconds alone. */
export function retryAfterSeconds(ms: number): string {
  return String(Math.max(1, Math.ceil(ms / 1000)));
}

/** Whether {@link endWithError} was called for a socket. Nothing more is read from it. */
export function isAnswered(socket: Duplex): boolean {
  return answered.has(socket);
}

const answered = new WeakSet<Duplex>();
/** Time for a client to close its side after the answer. Milliseconds. */
const LINGER_MS = 500;

/**
 * Closes a socket once the client has closed its side, or after LINGER_MS. Closing it with unread bytes would reset it,
 * and a reset may overtake the answer (RFC 9112, section 9.6).
 */
function linger(socket: Duplex): void {
  const end = (): void => {
    clearTimeout(timer);
    socket.destroy();
  };
  const timer = setTimeout(end, LINGER_MS);
  socket.once('end', end).once('close', end).resume();
}
