import { SERVER_ERROR_TYPES } from '../../service/src/metrics/metrics.ts';
import type { Findings } from './events.ts';
import { activityBetween, levelOf, UNKNOWN_LEVEL, type Activity, type Level, type Reading } from './snapshot.ts';

/** What one scrape adds to those before it. */
export interface MetricsStep {
  readonly level: Level;
  /** Level of the scrape before. */
  readonly previous: Level | undefined;
  readonly activity: Activity | undefined;
}

/** Compares the scrapes of one process, and of the ones that follow it, and tells the problems they show. */
export class MetricsWatch {
  readonly #findings: Findings;
  readonly #source: string;
  readonly #watchedSinceMs: number;
  #reading: Reading | undefined;
  #level: Level | undefined;
  #overdue = false;

  /** @param watchedSinceMs when the watch began: a process that is younger counts from zero */
  constructor(findings: Findings, source: string, watchedSinceMs: number) {
    this.#findings = findings;
    this.#source = source;
    this.#watchedSinceMs = watchedSinceMs;
  }

  step(reading: Reading): MetricsStep {
    const activity = activityBetween(this.#reading, reading, this.#watchedSinceMs);
    const previous = this.#level;
    const level = levelOf(reading);
    this.#reading = reading;
    this.#level = level;
    if (activity !== undefined) this.#judgeActivity(activity);
    this.#judgeDrain(level);
    return { level, previous, activity };
  }

  /** A step without a scrape: nothing is known, and the next scrape is compared with the last one there was. */
  missed(): MetricsStep {
    return { level: UNKNOWN_LEVEL, previous: undefined, activity: undefined };
  }

  #judgeActivity({ errors, logLinesDropped }: Activity): void {
    for (const type of SERVER_ERROR_TYPES) {
      const count = errors.get(type) ?? 0;
      if (count > 0) this.#problem('server_errors', `websocket_errors_total{type="${type}"} grew`, `by ${count}`);
    }
    if (logLinesDropped > 0) this.#problem('log_lines_dropped', 'log lines were dropped', String(logLinesDropped));
  }

  #judgeDrain({ closingSeconds, closingLimitSeconds }: Level): void {
    const overdue = closingSeconds > closingLimitSeconds;
    if (overdue && !this.#overdue)
      this.#problem(
        'drain_overdue',
        'the drain takes longer than its limit',
        `${closingSeconds.toFixed(1)} s of ${closingLimitSeconds} s`,
      );
    this.#overdue = overdue;
  }

  #problem(kind: 'server_errors' | 'log_lines_dropped' | 'drain_overdue', message: string, detail: string): void {
    this.#findings.problem({ kind, source: this.#source, message, detail });
  }
}
