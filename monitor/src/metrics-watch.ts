import { SERVER_ERROR_TYPES } from '../../service/src/metrics/metrics.ts';
import { parseMetricsText, sum } from '../../lib/metrics-text.ts';
import type { Findings } from './events.ts';
import { countersOf, GAUGES, gaugesOf, growth, type Activity, type Gauges, type Step } from './metrics.ts';

/** Compares the scrapes of one process, and of the ones that follow it, and reports the problems that they show. */
export class MetricsWatch {
  readonly #findings: Findings;
  readonly #source: string;
  readonly #watchedSinceMs: number;
  #last: Scrape | undefined;

  /** @param watchedSinceMs when the watch began: a process that is younger counts from zero. Milliseconds since 1970 */
  constructor(findings: Findings, source: string, watchedSinceMs: number) {
    this.#findings = findings;
    this.#source = source;
    this.#watchedSinceMs = watchedSinceMs;
  }

  /** @throws {MetricsTextError} */
  step(text: string, atMs = Date.now()): Step {
    const samples = parseMetricsText(text);
    const last = this.#last;
    const startedMs = (sum(samples, GAUGES.startedAt) ?? 0) * 1000;
    const scrape = { atMs, startedMs, gauges: gaugesOf(samples), counters: countersOf(samples) };
    this.#last = scrape;
    const restarted = last !== undefined && last.startedMs !== startedMs;
    const fromZero = restarted || (last === undefined && startedMs > this.#watchedSinceMs);
    const before = fromZero ? { atMs: startedMs, counters: new Map<string, number>() } : last;
    const activity = before && {
      // Clocks of two machines differ: never divide by nothing.
      seconds: Math.max((atMs - before.atMs) / 1000, 0.001),
      counts: growth(before.counters, scrape.counters),
    };
    if (activity !== undefined) this.#judge(activity);
    return { gauges: scrape.gauges, activity, restarted };
  }

  #judge({ counts }: Activity): void {
    for (const type of SERVER_ERROR_TYPES) {
      const count = counts.get(`type ${type}`) ?? 0;
      if (count > 0) this.#problem('server_errors', `websocket_errors_total{type="${type}"} grew`, `by ${count}`);
    }
    const dropped = counts.get('dropped') ?? 0;
    if (dropped > 0) this.#problem('log_lines_dropped', 'log lines were dropped', String(dropped));
  }

  #problem(kind: 'server_errors' | 'log_lines_dropped', message: string, detail: string): void {
    this.#findings.problem({ kind, source: this.#source, message, detail });
  }
}

interface Scrape {
  readonly atMs: number;
  /** When the process began. */
  readonly startedMs: number;
  readonly gauges: Gauges;
  readonly counters: ReadonlyMap<string, number>;
}
