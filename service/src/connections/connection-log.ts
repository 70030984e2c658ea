import { MAX_CHARACTER_BYTES, type LineBuffer } from '../log/line-buffer.ts';
import type { LineSink } from '../log/line-sink.ts';
import type { LogEvent } from '../log/events.ts';
import type { Logger } from '../log/logger.ts';
import { timestamp } from '../log/timestamp.ts';
import type { RequestId } from '../protocol/request-id.ts';
import type { SessionId } from '../sessions/session-store.ts';
import type { TraceContext } from '../tracing/trace-context.ts';

/** The connection that a line is about. */
export interface LoggedConnection {
  readonly requestId: RequestId;
  readonly session: { readonly id: SessionId; readonly count: number };
  /** The client's; of an IP address, no character needs an escape in JSON. */
  readonly address: string;
  /** Who it is, if `authorize` said so. */
  readonly user?: string | undefined;
  /** The span of its handshake, or else the client's. */
  readonly trace?: TraceContext | undefined;
}

/** Fields of the line of a counted message. */
export interface MessageFields {
  /** JSON text of the fields that stay the same over a connection, from {@link connectionFields}. */
  readonly connection: string;
  readonly count: number;
  readonly length: number;
  readonly durationMs: number;
}

/** Fields of the line of a connection that opened. */
export interface ConnectedFields {
  /** Its count is what the session starts from. */
  readonly connection: LoggedConnection;
  readonly resumed: boolean;
}

/** Fields of the line of a connection that closed. */
export interface DisconnectedFields {
  readonly connection: LoggedConnection;
  readonly code: number;
  readonly initiator: string;
  readonly reason: string;
  /** Text of the client's close frame; empty for none. */
  readonly closeReason: string;
  /** A drain closed it, and the client did not answer. */
  readonly cut: boolean;
  readonly durationMs: number;
}

/**
 * The INFO lines of connections and messages. They are written as bytes and straight to the logger's sink, since
 * winston would be a fifth of what a message or a connection costs. Field for field they are what `logger.info` would
 * write.
 */
export class ConnectionLog {
  readonly #sink: LineSink;
  readonly #enabled: boolean;
  readonly #sampling: number;
  readonly #messageHead: Buffer;
  readonly #connectedHead: Buffer;
  readonly #disconnectedHead: Buffer;

  /** @param sampling of how many messages of a session one is logged; 0 logs none */
  constructor(logger: Logger, sampling: number) {
    this.#sink = logger.sink;
    this.#enabled = logger.enabled('INFO');
    this.#sampling = this.#enabled ? sampling : 0;
    this.#messageHead = headOf(logger, 'WebSocket message received', 'websocket_message_received');
    this.#connectedHead = headOf(logger, 'WebSocket connected', 'websocket_connected');
    this.#disconnectedHead = headOf(logger, 'WebSocket disconnected', 'websocket_disconnected');
  }

  /** Whether the message with this count is logged. */
  sampled(count: number): boolean {
    return this.#sampling === 1 || (this.#sampling > 1 && count % this.#sampling === 0);
  }

  /** Logs a counted message, whatever the sampling. */
  messageReceived({ connection, count, length, durationMs }: MessageFields): void {
    const line = this.#begin(this.#messageHead, connection, LINE_BYTES);
    line.bytes(MESSAGE_COUNT);
    line.whole(count);
    line.bytes(MESSAGE_LENGTH);
    line.whole(length);
    line.bytes(DURATION);
    line.thousandths(Math.round(durationMs * 1000));
    line.bytes(LINE_END);
    line.end();
  }

  connected({ connection, resumed }: ConnectedFields): void {
    if (!this.#enabled) return;
    const line = this.#begin(this.#connectedHead, connectionFields(connection), LINE_BYTES);
    line.bytes(resumed ? RESUMED : NEW);
    line.bytes(MESSAGE_COUNT);
    line.whole(connection.session.count);
    line.bytes(LINE_END);
    line.end();
  }

  disconnected({ connection, code, initiator, reason, closeReason, cut, durationMs }: DisconnectedFields): void {
    if (!this.#enabled) return;
    const clientText = closeReason === '' ? '' : `,"close_reason":${JSON.stringify(closeReason)}`;
    const maxBytes = LINE_BYTES + clientText.length * MAX_CHARACTER_BYTES;
    const line = this.#begin(this.#disconnectedHead, connectionFields(connection), maxBytes);
    line.bytes(CODE);
    line.whole(code);
    line.ascii(`,"initiator":"${initiator}","reason":"${reason}"`);
    line.text(clientText);
    if (cut) line.bytes(CUT);
    line.bytes(MESSAGE_COUNT);
    line.whole(connection.session.count);
    line.bytes(DURATION);
    line.thousandths(Math.round(durationMs * 1000));
    line.bytes(LINE_END);
    line.end();
  }

  /** @param maxBytes maximum size of the line without the connection's fields */
  #begin(head: Buffer, connection: string, maxBytes: number): LineBuffer {
    const line = this.#sink.room(connection.length + maxBytes);
    line.bytes(lineStart());
    line.bytes(head);
    line.ascii(connection);
    return line;
  }
}

/** The fields of a connection's lines that never change, as JSON text without braces. */
export function connectionFields({ requestId, session, address, user, trace }: LoggedConnection): string {
  let fields = `"request_id":"${requestId}","session_id":"${session.id}","client_ip":"${address}"`;
  if (user !== undefined) fields += `,"user":${asciiJson(user)}`;
  if (trace !== undefined) fields += `,"trace_id":"${trace.traceId}","span_id":"${trace.spanId}"`;
  return fields;
}

/** JSON text of a string, in ASCII alone. */
function asciiJson(text: string): string {
  return JSON.stringify(text).replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

const RESUMED = Buffer.from(',"resumed":true');
const NEW = Buffer.from(',"resumed":false');
const CODE = Buffer.from(',"code":');
const CUT = Buffer.from(',"cut":true');
const MESSAGE_COUNT = Buffer.from(',"message_count":');
const MESSAGE_LENGTH = Buffer.from(',"message_length":');
const DURATION = Buffer.from(',"duration_ms":');
const LINE_END = Buffer.from('}');
/**
 * Bound on a line without its connection's fields and the client's close reason: its names, and four numbers of 20
 * digits.
 */
const LINE_BYTES = 512;

/** From the end of the timestamp to the first field of the connection. */
function headOf({ name }: Logger, message: string, event: LogEvent): Buffer {
  return Buffer.from(`","level":"INFO","logger":${JSON.stringify(name)},"message":"${message}","event":"${event}",`);
}

const TIMESTAMP_FIELD = '{"timestamp":"';
const lineStartBytes = Buffer.from(TIMESTAMP_FIELD + new Date(0).toISOString());
let lineStartText = '';

/** The start of a line that is written now. */
function lineStart(): Buffer {
  const text = timestamp();
  if (text !== lineStartText) {
    lineStartBytes.write(text, TIMESTAMP_FIELD.length, 'latin1');
    lineStartText = text;
  }
  return lineStartBytes;
}
