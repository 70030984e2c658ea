/** A line of the service's log: design of the fields in docs/logs.md. Fields that are not known are kept. */
export interface LogRecord {
  readonly timestamp?: string;
  /** Upper case. `undefined` for a line that is not JSON. */
  readonly level?: string;
  readonly logger?: string;
  readonly event?: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

/** How much a line matters. */
export type LogSeverity = 'problem' | 'warning' | 'normal';

/** Reads a line of the log. A line that is not a JSON object becomes a record of its text alone. */
export function parseLogLine(text: string): LogRecord {
  const fields = text.startsWith('{') ? parseObject(text) : undefined;
  if (fields === undefined) return { message: text };
  const { level, message, event, logger, timestamp, ...rest } = fields;
  return {
    ...(typeof timestamp === 'string' && { timestamp }),
    ...(typeof level === 'string' && { level: level.toUpperCase() }),
    ...(typeof logger === 'string' && { logger }),
    ...(typeof event === 'string' && { event }),
    message: typeof message === 'string' ? message : typeof event === 'string' ? event : text,
    ...rest,
  };
}

/** How much a record matters: by its level or, where it has none, by whether it reads like a crash. */
export function severityOf({ level, message }: LogRecord): LogSeverity {
  if (level === undefined) return CRASH.test(message) ? 'problem' : 'normal';
  if (PROBLEM_LEVELS.has(level)) return 'problem';
  return level === 'WARN' || level === 'WARNING' ? 'warning' : 'normal';
}

const PROBLEM_LEVELS: ReadonlySet<string> = new Set(['ERROR', 'CRITICAL', 'FATAL']);

/**
 * What Node.js prints when it can't go on: `FATAL ERROR: Reached heap limit`, `TypeError: x`, `Uncaught Error`,
 * `npm error`; and what other programs in the pod write in capitals.
 */
const CRASH = /^\s*(?:[A-Z]\w*)?Error\b.*:|^Uncaught\b|^npm (?:error|ERR!)|\b(?:FATAL|CRITICAL|ERROR)\b/;

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
