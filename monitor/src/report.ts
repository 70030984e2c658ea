import type { ExitStatus } from './command-line.ts';
import type { Findings, MonitorEvent, Notice, Problem } from './events.ts';
import type { LogRecord } from './log-lines.ts';
import { addActivities, countsOf, errorsOf, type Activity, type Counts, type Gauges, type Snapshot } from './metrics.ts';

/** Times that one problem is printed between two snapshots; more are counted, and reported with the next snapshot. */
const PRINTED_PER_INTERVAL = 5;
/** Different problems that are kept apart. */
const MAX_PROBLEMS = 500;

/** Why the watch ended: its time was over, a signal came, or there is nothing to watch. */
export type Ending = 'time' | 'interrupted' | 'impossible';

/** A problem and how often it was seen. */
export interface CountedProblem extends Omit<Problem, 'line'> {
  /** Level of the log line, if that is where it was seen. */
  readonly level: string | undefined;
  readonly count: number;
  readonly first: Date;
  readonly last: Date;
}

/** A time in which a part was not watched. */
export interface Gap {
  /** What was not watched: `API server`, `metrics of demo-abc`. */
  readonly part: string;
  readonly reason: string;
  readonly since: Date;
  /** `null` if it lasted to the end. */
  readonly until: Date | null;
}

/** The metrics over the whole watch. */
export interface Totals extends Omit<Counts, 'errorsPerSecond'> {
  /** By type; types that had none are left out. */
  readonly errors: Readonly<Record<string, number>>;
  readonly peakConnections: number;
  readonly memoryBytes: number;
  readonly peakMemoryBytes: number;
}

/** What the watch comes to. */
export interface Summary {
  readonly status: 'healthy' | 'problems' | 'not_watched';
  readonly exitStatus: ExitStatus;
  readonly ending: Ending;
  readonly watchedSeconds: number;
  readonly problems: readonly CountedProblem[];
  /** Problems beyond the number of different ones that are kept apart. */
  readonly otherProblems: number;
  readonly gaps: readonly Gap[];
  /** Parts that were never watched or were away at the end. */
  readonly missing: readonly string[];
  /** Lines by level; those that are not JSON under `unstructured`. */
  readonly log: { readonly lines: number; readonly byLevel: Readonly<Record<string, number>> };
  /** `null` if there are not two scrapes to compare. */
  readonly totals: Totals | null;
}

interface Tally extends CountedProblem {
  count: number;
  last: Date;
  /** Times seen since the last snapshot. */
  fresh: number;
}

/** Gathers what the watch finds: prints it as it comes, within bounds, and knows what it comes to. */
export class Report implements Findings {
  readonly #write: (event: MonitorEvent) => void;
  readonly #startedAt = Date.now();
  readonly #problems = new Map<string, Tally>();
  #otherProblems = 0;
  readonly #linesByLevel: Record<string, number> = {};
  readonly #unseen = new Set<string>();
  readonly #open = new Map<string, Gap>();
  readonly #closed: Gap[] = [];
  #activity: Activity | undefined;
  #memory = 0;
  #peakMemory = 0;
  #peakConnections = 0;

  /** @param write prints an event */
  constructor(write: (event: MonitorEvent) => void) {
    this.#write = write;
  }

  problem(problem: Problem): void {
    const { kind, source, message, detail, line } = problem;
    const key = JSON.stringify([kind, source, line?.level, message]);
    const now = new Date();
    let tally = this.#problems.get(key);
    if (tally === undefined) {
      if (this.#problems.size >= MAX_PROBLEMS) {
        this.#otherProblems += 1;
        return;
      }
      tally = { kind, source, message, detail, level: line?.level, count: 0, first: now, last: now, fresh: 0 };
      this.#problems.set(key, tally);
    }
    tally.count += 1;
    tally.fresh += 1;
    tally.last = now;
    if (tally.fresh <= PRINTED_PER_INTERVAL) this.#write({ type: 'problem', ...problem });
  }

  notice(notice: Notice): void {
    this.#write({ type: 'notice', ...notice });
  }

  /** Counts a line of the log, whatever its level. */
  countLine(level: string): void {
    this.#linesByLevel[level] = (this.#linesByLevel[level] ?? 0) + 1;
  }

  /** Prints a WARN line. */
  log(source: string, line: LogRecord): void {
    this.#write({ type: 'log', source, line });
  }

  snapshot(source: string, snapshot: Snapshot): void {
    this.#write({ type: 'snapshot', source, ...snapshot });
  }

  /** Adds an interval of the whole service to the totals. */
  addTotals({ connections = 0, memoryBytes = 0 }: Gauges, activity: Activity | undefined): void {
    const known = [this.#activity, activity].filter((each) => each !== undefined);
    if (activity !== undefined) this.#activity = addActivities(known, (this.#activity?.seconds ?? 0) + activity.seconds);
    this.#memory = memoryBytes;
    this.#peakMemory = Math.max(this.#peakMemory, memoryBytes);
    this.#peakConnections = Math.max(this.#peakConnections, connections);
  }

  /** Reports the problems that were only counted since the last time. */
  reportRepeated(): void {
    for (const tally of this.#problems.values()) {
      const { kind, source, message } = tally;
      const count = tally.fresh - PRINTED_PER_INTERVAL;
      tally.fresh = 0;
      if (count > 0) this.#write({ type: 'repeated', kind, source, message, count });
    }
  }

  /** Says that a part is to be watched: a watch that ends before it was seen is incomplete. */
  expect(part: string): void {
    this.#unseen.add(part);
  }

  /**
   * A part can't be watched from now on.
   * @param reason why, and what to do about it where that is known
   */
  lost(part: string, reason: string): void {
    if (this.isLost(part)) return;
    this.#open.set(part, { part, reason, since: new Date(), until: null });
    this.notice({ kind: 'not_watched', source: part, message: `not watched: ${reason}` });
  }

  /** A part is watched, for the first time or again. */
  seen(part: string): void {
    const gap = this.#open.get(part);
    this.forget(part);
    if (gap === undefined) return;
    const seconds = ((Date.now() - gap.since.getTime()) / 1000).toFixed(1);
    this.notice({ kind: 'watched_again', source: part, message: `watched again after ${seconds} s` });
  }

  /** A part is no more, for example a pod that ended. */
  forget(part: string): void {
    this.#unseen.delete(part);
    const gap = this.#open.get(part);
    if (gap !== undefined) this.#closed.push({ ...gap, until: new Date() });
    this.#open.delete(part);
  }

  isLost(part: string): boolean {
    return this.#open.has(part);
  }

  /** Ends the report: prints the summary and returns its exit status. A problem outweighs what could not be watched. */
  finish(ending: Ending): ExitStatus {
    this.reportRepeated();
    const missing = [...new Set([...this.#open.keys(), ...this.#unseen])];
    const exitStatus = this.#problems.size > 0 ? 1 : missing.length > 0 ? 2 : 0;
    const summary: Summary = {
      status: (['healthy', 'problems', 'not_watched'] as const)[exitStatus],
      exitStatus,
      ending,
      watchedSeconds: (Date.now() - this.#startedAt) / 1000,
      problems: [...this.#problems.values()].map(({ fresh: _, ...problem }) => problem),
      otherProblems: this.#otherProblems,
      gaps: [...this.#closed, ...this.#open.values()].sort((a, b) => a.since.getTime() - b.since.getTime()),
      missing,
      log: {
        lines: Object.values(this.#linesByLevel).reduce((a, b) => a + b, 0),
        byLevel: this.#linesByLevel,
      },
      totals: this.#activity === undefined ? null : this.#totals(this.#activity),
    };
    this.#write({ type: 'summary', ...summary });
    return exitStatus;
  }

  #totals(activity: Activity): Totals {
    const { errorsPerSecond: _, ...counts } = countsOf(activity);
    return {
      ...counts,
      errors: errorsOf(activity),
      peakConnections: this.#peakConnections,
      memoryBytes: this.#memory,
      peakMemoryBytes: this.#peakMemory,
    };
  }
}
