import type { Transform } from 'node:stream';
import split from 'split2';

/** Longest line that is read; longer ones are left out. Characters. */
const MAX_LINE = 262_144;

/** A line of the service's log: design of the fields in docs/logs.md. Fields that are not known are kept. */
export interface LogRecord {
  /** Upper case. `undefined` for a line that is not JSON. */
  readonly level?: string;
  readonly event?: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

/** How much a line matters. */
export type LogSeverity = 'problem' | 'warning' | 'normal';

/** A stream that makes lines of bytes. */
export function lineSplitter(): Transform {
  const options = { maxLength: MAX_LINE, skipOverflow: true };
  return split(options);
}

/** Reads a line of the log. A line that is not a JSON object becomes a record of its text alone. */
export function parseLogLine(text: string): LogRecord {
  const { level, message, event, ...rest } = parseObject(text);
  return {
    ...rest,
    ...(typeof level === 'string' && { level: level.toUpperCase() }),
    ...(typeof event === 'string' && { event }),
    message: typeof message === 'string' ? message : typeof event === 'string' ? event : text,
  };
}

/** How much a record matters: by its level or, where it has none, by whether it reads like a crash. */
export function severityOf({ level, message }: LogRecord): LogSeverity {
  if (level === undefined) return CRASH.test(message) ? 'problem' : 'normal';
  if (['ERROR', 'CRITICAL', 'FATAL'].includes(level)) return 'problem';
  return level.startsWith('WARN') ? 'warning' : 'normal';
}

/** What Node.js and npm print when they can't go on, and what other programs in the pod write in capitals. */
const CRASH = /^\s*(?:[A-Z]\w*)?Error\b.*:|^Uncaught\b|^npm (?:error|ERR!)|\b(?:FATAL|CRITICAL|ERROR)\b/;

/** Fields of a JSON object; none for any other text. */
export function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
  } catch {
    return {};
  }
}
