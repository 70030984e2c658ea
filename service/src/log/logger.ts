import { createLogger, format, type Logger as WinstonLogger } from 'winston';
import Transport from 'winston-transport';
import type { LineSink } from './line-sink.ts';
import type { LogEvent } from './events.ts';
import { LOG_LEVELS, type LogLevel } from './levels.ts';
import { timestamp } from './timestamp.ts';

/** Fields of a line besides time, level, logger and message. `undefined` is left out. */
export interface LogFields {
  readonly event: LogEvent;
  readonly [field: string]: unknown;
}

/** Writes JSON lines under one name of the `logger` field. */
export interface Logger {
  /** Value of the `logger` field. */
  readonly name: string;
  /**
   * Where its finished lines go. The lines of messages are written to it directly: see connections/connection-log.ts.
   */
  readonly sink: LineSink;
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
  readonly critical: LogMethod;
  /** Whether lines of this level are written. */
  enabled(level: LogLevel): boolean;
  /** The same log under another name. */
  named(logger: string): Logger;
}

/** @param message a constant sentence; what varies belongs into fields, so that lines can be grouped by message */
type LogMethod = (message: string, fields: LogFields) => void;

/**
 * Creates the service's logger. winston has the levels, the format and the transport to the sink.
 * @param level minimum level that is written
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

/** Property of the finished line in winston's info objects (triple-beam's MESSAGE). */
const MESSAGE = Symbol.for('message');

class ServiceLogger implements Logger {
  readonly name: string;
  readonly sink: LineSink;
  readonly #winston: WinstonLogger;
  /** The levels that are written: winston looks them up for each line, and formats lines that no transport wants. */
  readonly #enabled: ReadonlySet<LogLevel>;

  constructor(winston: WinstonLogger, sink: LineSink, name: string) {
    this.name = name;
    this.sink = sink;
    this.#winston = winston;
    this.#enabled = new Set(LOG_LEVELS.filter((level) => winston.isLevelEnabled(level)));
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
    return new ServiceLogger(this.#winston, this.sink, logger);
  }

  #log(level: LogLevel, message: string, fields: LogFields): void {
    if (this.#enabled.has(level)) this.#winston.log({ ...fields, level, logger: this.name, message });
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

function jsonLine({ level, logger, message, ...fields }: Record<string, unknown>): string {
  return JSON.stringify({ timestamp: timestamp(), level, logger, message, ...fields }, plainErrors);
}

/** Errors have no enumerable fields: JSON would write `{}`. */
function plainErrors(_key: string, value: unknown): unknown {
  return value instanceof Error ? { name: value.name, message: value.message, stack: value.stack } : value;
}
