import { createLogger, format, type Logger as WinstonLogger } from 'winston';
import Transport from 'winston-transport';
import { MAX_CHARACTER_BYTES, type LineBuffer } from './line-buffer.ts';
import type { LineSink } from './line-sink.ts';
import type { LogEvent } from './events.ts';
import { LOG_LEVELS, type LogLevel } from './levels.ts';
import type { RequestId } from '../protocol/request-id.ts';
import type { SessionId } from '../sessions/session-store.ts';

/** What a line says besides time, level, logger and message. Numbers stay numbers; `undefined` is left out. */
export interface LogFields {
  readonly event: LogEvent;
  readonly [field: string]: unknown;
}

/** Writes JSON lines under one name of the `logger` field. */
export interface Logger {
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
  readonly critical: LogMethod;
  /** Whether lines of this level are written. */
  enabled(level: LogLevel): boolean;
  /** The same log under another name. */
  named(logger: string): Logger;
  /**
   * The line of one counted message, at INFO. Like the two below it is put together by hand and goes straight to the sink, since
   * winston's way there would be a fifth of what a message or a connection costs; field for field it is what `info` would
   * have written.
   */
  messageReceived(fields: MessageFields): void;
  /** The line of a connection that opened, at INFO. */
  connected(fields: ConnectedFields): void;
  /** The line of a connection that closed, at INFO. */
  disconnected(fields: DisconnectedFields): void;
}

/** @param message a constant sentence: what varies goes into fields, or each line would be a series of its own in Loki */
type LogMethod = (message: string, fields: LogFields) => void;

/** Fields of the line of a counted message. */
export interface MessageFields {
  /** JSON text of the fields that stay the same over a connection, from {@link connectionFields}. */
  readonly connection: string;
  readonly count: number;
  readonly length: number;
  readonly durationMs: number;
}

/** Whose line it is. */
export interface LoggedConnection {
  readonly requestId: RequestId;
  readonly session: { readonly id: SessionId; readonly count: number };
  /** The client's. */
  readonly address: string;
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
  /** What the client wrote into its close frame; empty for nothing. */
  readonly closeReason: string;
  readonly durationMs: number;
}

/**
 * Makes the service's log: winston holds the levels, the format and the way to the sink.
 * @param level least level that is written
 * @param name value of the `logger` field
 */
export function createServiceLogger(sink: LineSink, level: LogLevel, name = 'chat.service'): Logger {
  const levels = Object.fromEntries(LOG_LEVELS.map((known, index) => [known, index]));
  const winston = createLogger({
    levels,
    level,
    format: format((info) => Object.assign(info, { [MESSAGE]: jsonLine(info) }))(),
    transports: [new SinkTransport(sink)],
    exitOnError: false,
  });
  return new ServiceLogger(winston, sink, name);
}

/** The part of a connection's lines that never changes, as JSON text to be put into the middle of a line. */
export function connectionFields({ requestId, session, address }: LoggedConnection): string {
  return `"request_id":"${requestId}","session_id":"${session.id}","client_ip":${JSON.stringify(address)}`;
}

/** Where winston formats leave the finished line (triple-beam's MESSAGE). */
const MESSAGE = Symbol.for('message');

class ServiceLogger implements Logger {
  readonly #winston: WinstonLogger;
  readonly #sink: LineSink;
  readonly #name: string;
  /** The levels that are written: winston finds out anew for each line, and formats those that no one wants. */
  readonly #enabled: ReadonlySet<LogLevel>;
  readonly #infoEnabled: boolean;
  readonly #messageHead: Buffer;
  readonly #connectedHead: Buffer;
  readonly #disconnectedHead: Buffer;

  constructor(winston: WinstonLogger, sink: LineSink, name: string) {
    this.#winston = winston;
    this.#sink = sink;
    this.#name = name;
    this.#enabled = new Set(LOG_LEVELS.filter((level) => winston.isLevelEnabled(level)));
    this.#infoEnabled = this.#enabled.has('INFO');
    this.#messageHead = Buffer.from(this.#head('WebSocket message received', 'websocket_message_received'));
    this.#connectedHead = Buffer.from(this.#head('WebSocket connected', 'websocket_connected'));
    this.#disconnectedHead = Buffer.from(this.#head('WebSocket disconnected', 'websocket_disconnected'));
  }

  readonly debug: LogMethod = (message, fields) => {
    this.#log('DEBUG', message, fields);
  };
  readonly info: LogMethod = (message, fields) => {
    this.#log('INFO', message, fields);
  };
  readonly warn: LogMethod = (message, fields) => {
    this.#log('WARN', message, fields);
  };
  readonly error: LogMethod = (message, fields) => {
    this.#log('ERROR', message, fields);
  };
  readonly critical: LogMethod = (message, fields) => {
    this.#log('CRITICAL', message, fields);
  };

  enabled(level: LogLevel): boolean {
    return this.#enabled.has(level);
  }

  named(logger: string): Logger {
    return new ServiceLogger(this.#winston, this.#sink, logger);
  }

  messageReceived({ connection, count, length, durationMs }: MessageFields): void {
    if (!this.#infoEnabled) return;
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
    if (!this.#infoEnabled) return;
    const line = this.#begin(this.#connectedHead, connectionFields(connection), LINE_BYTES);
    line.bytes(resumed ? RESUMED : NEW);
    line.bytes(MESSAGE_COUNT);
    line.whole(connection.session.count);
    line.bytes(LINE_END);
    line.end();
  }

  disconnected({ connection, code, initiator, reason, closeReason, durationMs }: DisconnectedFields): void {
    if (!this.#infoEnabled) return;
    const said = closeReason === '' ? '' : `,"close_reason":${JSON.stringify(closeReason)}`;
    const most = LINE_BYTES + said.length * MAX_CHARACTER_BYTES;
    const line = this.#begin(this.#disconnectedHead, connectionFields(connection), most);
    line.bytes(CODE);
    line.whole(code);
    line.ascii(`,"initiator":"${initiator}","reason":"${reason}"`);
    line.text(said);
    line.bytes(MESSAGE_COUNT);
    line.whole(connection.session.count);
    line.bytes(DURATION);
    line.thousandths(Math.round(durationMs * 1000));
    line.bytes(LINE_END);
    line.end();
  }

  /** Begins a line that has so many bytes at most beside the connection's fields. */
  #begin(head: Buffer, connection: string, most: number): LineBuffer {
    const line = this.#sink.room(connection.length + most);
    line.bytes(lineStart());
    line.bytes(head);
    line.ascii(connection);
    return line;
  }

  /** From the end of the timestamp to the first field of the connection. */
  #head(message: string, event: LogEvent): string {
    return `","level":"INFO","logger":${JSON.stringify(this.#name)},"message":"${message}","event":"${event}",`;
  }

  #log(level: LogLevel, message: string, fields: LogFields): void {
    if (this.#enabled.has(level)) this.#winston.log({ ...fields, level, logger: this.#name, message });
  }
}

/** Hands finished lines to the sink. */
class SinkTransport extends Transport {
  readonly #sink: LineSink;

  constructor(sink: LineSink) {
    super();
    this.#sink = sink;
  }

  override log(info: Record<symbol, string>, next: () => void): void {
    this.#sink.write(info[MESSAGE] ?? '');
    next();
  }
}

/** Parts of the lines of messages and connections. */
const RESUMED = Buffer.from(',"resumed":true');
const NEW = Buffer.from(',"resumed":false');
const CODE = Buffer.from(',"code":');
const MESSAGE_COUNT = Buffer.from(',"message_count":');
const MESSAGE_LENGTH = Buffer.from(',"message_length":');
const DURATION = Buffer.from(',"duration_ms":');
const LINE_END = Buffer.from('}');
/** More than any of these lines has beside its connection's fields and the client's words: its names, and four numbers of 20 digits. */
const LINE_BYTES = 512;

function jsonLine({ level, logger, message, ...fields }: Record<string, unknown>): string {
  return JSON.stringify({ timestamp: timestamp(), level, logger, message, ...fields }, plainErrors);
}

/** Errors have no enumerable fields, so JSON would make `{}` of them. */
function plainErrors(_key: string, value: unknown): unknown {
  return value instanceof Error ? { name: value.name, message: value.message, stack: value.stack } : value;
}

let timestampMs = 0;
let timestampText = '';
let timestampSecond = NaN;
let timestampHead = '';

/** Now in ISO 8601, formatted once for each millisecond, and all but its milliseconds once for each second. */
function timestamp(): string {
  const now = Date.now();
  if (now === timestampMs) return timestampText;
  timestampMs = now;
  const second = Math.floor(now / 1000);
  if (second !== timestampSecond) {
    timestampSecond = second;
    timestampHead = new Date(second * 1000).toISOString().slice(0, -4);
  }
  timestampText = `${timestampHead}${String(now - second * 1000).padStart(3, '0')}Z`;
  return timestampText;
}

const TIMESTAMP_FIELD = '{"timestamp":"';
const lineStartBytes = Buffer.from(TIMESTAMP_FIELD + new Date(0).toISOString());
let lineStartText = '';

/** How a line begins now. */
function lineStart(): Buffer {
  const text = timestamp();
  if (text !== lineStartText) {
    lineStartBytes.write(text, TIMESTAMP_FIELD.length, 'latin1');
    lineStartText = text;
  }
  return lineStartBytes;
}
