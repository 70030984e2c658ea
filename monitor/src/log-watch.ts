import { LineSplitter } from './line-splitter.ts';
import { parseLogLine, severityOf, type LogRecord } from './log-record.ts';
import type { Report } from './report.ts';

/** Longest text of a line that is not JSON which a problem is counted by. Characters. */
const MAX_MESSAGE = 200;

/** Reads lines of the log: counts all, shows WARN lines if asked, and makes problems of what is worse. */
export class LogWatch {
  readonly #report: Report;
  readonly #showWarnings: boolean;
  readonly #onRecord: (record: LogRecord) => void;

  /** @param onRecord told of every record, for those who follow the service's life by its log */
  constructor(report: Report, showWarnings: boolean, onRecord: (record: LogRecord) => void = () => undefined) {
    this.#report = report;
    this.#showWarnings = showWarnings;
    this.#onRecord = onRecord;
  }

  /** @param source `service`, or the pod the line is from */
  line(source: string, text: string): void {
    const record = parseLogLine(text);
    this.#report.countLine(record.level ?? 'unstructured');
    this.#onRecord(record);
    const severity = severityOf(record);
    if (severity === 'problem') this.#problem(source, record);
    else if (severity === 'warning' && this.#showWarnings) this.#report.log(source, record);
  }

  /** Something to push chunks of a log into. */
  splitter(source: string): LineSplitter {
    return new LineSplitter((line) => {
      this.line(source, line);
    });
  }

  #problem(source: string, record: LogRecord): void {
    const { event, message } = record;
    const detail = errorMessage(record['error'] ?? record['reason']);
    this.#report.problem({
      kind: 'log_error',
      source,
      message: `${event === undefined ? '' : `${event}: `}${message}`.slice(0, MAX_MESSAGE),
      ...(detail !== undefined && { detail }),
      line: record,
    });
  }
}

function errorMessage(error: unknown): string | undefined {
  if (typeof error === 'string') return error;
  if (typeof error !== 'object' || error === null || !('message' in error)) return undefined;
  return String(error.message);
}
