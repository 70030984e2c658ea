import { parseLogLine, severityOf, type LogRecord } from './log-lines.ts';
import type { Report } from './report.ts';

/** Longest text that a problem is counted by. Characters. */
const MAX_MESSAGE = 200;

/** Reads lines of the log: counts all, shows WARN lines if asked, and makes problems of what is worse. */
export class LogReader {
  readonly #report: Report;
  readonly #showWarnings: boolean;

  constructor(report: Report, showWarnings: boolean) {
    this.#report = report;
    this.#showWarnings = showWarnings;
  }

  /** @param source `service`, or the pod the line is from */
  read(source: string, text: string): LogRecord {
    const record = parseLogLine(text);
    const severity = severityOf(record);
    this.#report.countLine(record.level ?? 'unstructured');
    if (severity === 'problem') this.#report.problem({ kind: 'log_error', source, ...problemOf(record), line: record });
    else if (severity === 'warning' && this.#showWarnings) this.#report.log(source, record);
    return record;
  }
}

function problemOf({ event, message, error, reason }: LogRecord): { message: string; detail: string | undefined } {
  const cause = error ?? reason;
  const detail = typeof cause === 'object' && cause !== null && 'message' in cause ? cause.message : cause;
  return {
    message: `${event === undefined || event === message ? '' : `${event}: `}${message}`.slice(0, MAX_MESSAGE),
    detail: typeof detail === 'string' ? detail : undefined,
  };
}
