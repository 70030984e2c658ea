import { Histogram, type HistogramDelta } from './histogram.ts';
import type { WorkerReport } from './messages.ts';
import { addByKey, zeroCounters, type Counters, type Violation } from './tally.ts';

/** Quantiles of times, in milliseconds. `null` where there were no values. */
export interface Quantiles {
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly 'p99.9': number | null;
  readonly max: number | null;
}

/** What happened in one piece of the run; the plots are made of these. */
export interface Sample {
  /** End of the piece, in seconds since the start. */
  readonly second: number;
  /** Sockets open at its end. */
  readonly open: number;
  /** Clients that lost their connection and have none at its end. */
  readonly away: number;
  readonly sentPerSecond: number;
  readonly repliesPerSecond: number;
  readonly connectsPerSecond: number;
  readonly reconnectsPerSecond: number;
  readonly errorsPerSecond: number;
  readonly reply: Quantiles;
  readonly connect: Quantiles;
  /** From the loss of a connection to the session's next count, of those told one in it. */
  readonly silence: Quantiles;
  /** Latest that an event loop of the load test was, in milliseconds. */
  readonly loopDelayMs: number;
  /** Share of the time in which the busiest process of the load test was busy. */
  readonly busy: number;
}

/** Sums over all processes. */
export interface Totals {
  readonly counters: Counters;
  readonly errorsByKind: Record<string, number>;
  readonly closesByCode: Record<string, number>;
  readonly violationsByKind: Record<string, number>;
  readonly open: number;
  readonly away: number;
  readonly everOpen: number;
  readonly lastFirstOpenMs: number;
  readonly uncertain: number;
  readonly leftAway: number;
  readonly cpuSeconds: number;
}

/** Pieces of the longest run that is told second by second; longer ones are told in longer pieces. */
const MAX_SAMPLES = 3600;

/** Puts the reports of all processes together, second by second. */
export class Timeline {
  readonly samples: Sample[] = [];
  /** Violations told one by one, from all processes. */
  readonly violations: Violation[] = [];
  readonly reply = new Histogram();
  readonly connect = new Histogram();
  readonly away = new Histogram();
  readonly loopDelay = new Histogram();
  /** Seconds in which a process was busy all the time, or nearly. */
  overloadedSeconds = 0;
  readonly #processes: number;
  readonly #durationSeconds: number;
  readonly #pieceSeconds: number;
  readonly #latest = new Map<number, WorkerReport>();
  readonly #reportsBySecond = new Map<number, WorkerReport[]>();
  readonly #piece = {
    reply: new Histogram(),
    connect: new Histogram(),
    silence: new Histogram(),
    loopDelayMs: 0,
    busy: 0,
  };
  #pieceStart = zeroCounters();
  #pieceBegan = 0;

  constructor(processes: number, durationSeconds: number) {
    this.#processes = processes;
    this.#durationSeconds = durationSeconds;
    this.#pieceSeconds = Math.max(1, Math.ceil(durationSeconds / MAX_SAMPLES));
  }

  /** Takes a report. Tells the sample that it completes, if it completes one. */
  add(report: WorkerReport): Sample | undefined {
    this.#merge(report);
    const { second } = report;
    if (second === undefined) return undefined;
    const reports = this.#reportsBySecond.get(second) ?? [];
    reports.push(report);
    this.#reportsBySecond.set(second, reports);
    if (reports.length < this.#processes) return undefined;
    this.#reportsBySecond.delete(second);
    if (second <= this.#durationSeconds && Math.max(...reports.map(({ busy }) => busy)) > BUSY)
      this.overloadedSeconds += 1;
    return second % this.#pieceSeconds === 0 ? this.#endPiece(second) : undefined;
  }

  /** Sums so far. */
  totals(): Totals {
    const reports = [...this.#latest.values()];
    const sum = (read: (report: WorkerReport) => number): number => reports.reduce((all, each) => all + read(each), 0);
    const sums = (
      read: (report: WorkerReport) => Readonly<Partial<Record<string, number>>>,
    ): Record<string, number> => {
      const all: Record<string, number> = {};
      for (const report of reports) addByKey(all, read(report));
      return all;
    };
    return {
      counters: { ...zeroCounters(), ...(sums((report) => report.counters) as Partial<Counters>) },
      errorsByKind: sums((report) => report.errorsByKind),
      closesByCode: sums((report) => report.closesByCode),
      violationsByKind: sums((report) => report.violationsByKind),
      open: sum(({ state }) => state.open),
      away: sum(({ state }) => state.away),
      everOpen: sum(({ state }) => state.everOpen),
      lastFirstOpenMs: Math.max(0, ...reports.map(({ state }) => state.lastFirstOpenMs)),
      uncertain: sum(({ state }) => state.uncertain),
      leftAway: sum(({ state }) => state.leftAway),
      cpuSeconds: sum(({ cpuSeconds }) => cpuSeconds),
    };
  }

  #merge(report: WorkerReport): void {
    this.#latest.set(report.worker, report);
    for (const name of ['reply', 'connect', 'away', 'loopDelay'] as const) this[name].add(report[name]);
    this.violations.push(...report.violations);
    this.#piece.reply.add(report.reply);
    this.#piece.connect.add(report.connect);
    this.#piece.silence.add(report.silence);
    this.#piece.loopDelayMs = Math.max(this.#piece.loopDelayMs, maxMs(report.loopDelay));
    this.#piece.busy = Math.max(this.#piece.busy, report.busy);
  }

  #endPiece(second: number): Sample {
    const { counters, open, away } = this.totals();
    const seconds = second - this.#pieceBegan;
    const rate = (name: keyof Counters): number => (counters[name] - this.#pieceStart[name]) / seconds;
    const sample: Sample = {
      second,
      open,
      away,
      sentPerSecond: rate('sent') + rate('badSent'),
      repliesPerSecond: rate('replied'),
      connectsPerSecond: rate('opened'),
      reconnectsPerSecond: rate('reconnects'),
      errorsPerSecond: rate('errors'),
      reply: quantiles(this.#piece.reply),
      connect: quantiles(this.#piece.connect),
      silence: quantiles(this.#piece.silence),
      loopDelayMs: this.#piece.loopDelayMs,
      busy: this.#piece.busy,
    };
    this.samples.push(sample);
    this.#pieceStart = counters;
    this.#pieceBegan = second;
    this.#piece.reply.reset();
    this.#piece.connect.reset();
    this.#piece.silence.reset();
    this.#piece.loopDelayMs = 0;
    this.#piece.busy = 0;
    return sample;
  }
}

/** A process that is busy for this share of a second can't be on time any more. */
const BUSY = 0.95;

/** The usual quantiles of a histogram. */
export function quantiles(histogram: Histogram): Quantiles {
  const at = (quantile: number): number | null => (histogram.total === 0 ? null : histogram.quantileMs(quantile));
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), 'p99.9': at(0.999), max: at(1) };
}

function maxMs({ maxMicros }: HistogramDelta): number {
  return maxMicros / 1000;
}
