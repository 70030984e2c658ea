import type { Totals } from './fleet.ts';
import type { WorkerReport } from './messages.ts';
import { TimeHistograms, type Quantiles } from './quantiles.ts';
import { zeroCounters, type Counters, type TimeName, type Violation } from './tally.ts';

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

/** Pieces of the longest run that is told second by second; longer ones are told in longer pieces. */
const MAX_SAMPLES = 3600;

/** A process that is busy for this share of a second can't be on time any more. */
const BUSY = 0.95;

/** Puts the reports of all processes together, second by second. */
export class Timeline {
  readonly samples: Sample[] = [];
  /** Violations reported one by one, from all processes. */
  readonly violations: Violation[] = [];
  /** Seconds in which a process was busy all the time, or nearly. */
  overloadedSeconds = 0;
  readonly #processes: number;
  readonly #durationSeconds: number;
  readonly #pieceSeconds: number;
  /** By second: how many processes have reported it, and how busy the busiest was. */
  readonly #seconds = new Map<number, { reports: number; busy: number }>();
  /** Of the pieces that are over. */
  readonly #past = new TimeHistograms();
  readonly #piece = new TimeHistograms();
  #pieceLateMs = 0;
  #pieceBusy = 0;
  #pieceStart = zeroCounters();
  #pieceBegan = 0;

  constructor(processes: number, durationSeconds: number) {
    this.#processes = processes;
    this.#durationSeconds = durationSeconds;
    this.#pieceSeconds = Math.max(1, Math.ceil(durationSeconds / MAX_SAMPLES));
  }

  /** Takes a report. @param totals sums, with it. @returns the sample that it completes, if it completes one */
  add(report: WorkerReport, totals: Totals): Sample | undefined {
    this.#piece.record(report.times);
    this.violations.push(...report.violations);
    this.#pieceLateMs = Math.max(this.#pieceLateMs, report.lateMs);
    this.#pieceBusy = Math.max(this.#pieceBusy, report.busy);
    const { second } = report;
    if (second === undefined) return undefined;
    const { reports, busy } = this.#seconds.get(second) ?? { reports: 0, busy: 0 };
    const both = { reports: reports + 1, busy: Math.max(busy, report.busy) };
    this.#seconds.set(second, both);
    if (both.reports < this.#processes) return undefined;
    this.#seconds.delete(second);
    if (second <= this.#durationSeconds && both.busy > BUSY) this.overloadedSeconds += 1;
    return second % this.#pieceSeconds === 0 ? this.#endPiece(second, totals) : undefined;
  }

  /** Of the whole run. */
  get times(): Readonly<Record<TimeName, Quantiles>> {
    const all = new TimeHistograms();
    all.add(this.#past);
    all.add(this.#piece);
    return all.quantiles;
  }

  #endPiece(second: number, { counters, open, away }: Totals): Sample {
    const rate = (name: keyof Counters): number =>
      (counters[name] - this.#pieceStart[name]) / (second - this.#pieceBegan);
    const { reply, connect, silence } = this.#piece.quantiles;
    const sample: Sample = {
      second,
      open,
      away,
      sentPerSecond: rate('sent') + rate('badSent'),
      repliesPerSecond: rate('replied'),
      connectsPerSecond: rate('opened'),
      reconnectsPerSecond: rate('reconnects'),
      errorsPerSecond: rate('errors'),
      reply,
      connect,
      silence,
      loopDelayMs: this.#pieceLateMs,
      busy: this.#pieceBusy,
    };
    this.samples.push(sample);
    this.#past.add(this.#piece);
    this.#piece.reset();
    this.#pieceStart = counters;
    this.#pieceBegan = second;
    this.#pieceLateMs = 0;
    this.#pieceBusy = 0;
    return sample;
  }
}
