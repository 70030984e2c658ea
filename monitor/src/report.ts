import type { ExitStatus } from './command-line.ts';
import type {
  CountedProblem,
  Ending,
  Findings,
  Gap,
  MonitorEvent,
  Notice,
  Problem,
  Summary,
  Totals,
} from './events.ts';
import type { LogRecord } from './log-lines.ts';
import { addActivities, countsOf, errorsOf, type Activity, type Snapshot } from './metrics.ts';

/** Times that one problem is printed between two snapshots; more are counted, and reported with the next snapshot. */
const PRINTED_PER_INTERVAL = 5;
/** Different problems that are kept apart. */
const MAX_PROBLEMS = 500;

/** There is nothing to watch, and there won't be: a wrong context, no permission. The message says why and what to do. */
export class CannotWatchError extends Error {
  override readonly name = 'CannotWatchError';
  /** What can't be watched. */
  readonly part: string;

  constructor(part: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.part = part;
  }
}

interface Tally {
  readonly problem: CountedProblem & { count: number; last: Date };
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
      const counted = { kind, source, message, detail, level: line?.level, count: 0, first: now, last: now };
      tally = { problem: counted, fresh: 0 };
      this.#problems.set(key, tally);
    }
    tally.problem.count += 1;
    tally.problem.last = now;
    tally.fresh += 1;
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
  addTotals(activity: Activity | undefined): void {
    const known = [this.#activity, activity].filter((each) => each !== undefined);
    const seconds = known.reduce((total, each) => total + each.seconds, 0);
    if (activity !== undefined) this.#activity = addActivities(known, seconds);
  }

  /** Reports the problems that were only counted since the last time. */
  reportRepeated(): void {
    for (const tally of this.#problems.values()) {
      const { kind, source, message } = tally.problem;
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
      problems: [...this.#problems.values()].map(({ problem }) => problem),
      otherProblems: this.#otherProblems,
      gaps: [...this.#closed, ...this.#open.values()].sort((a, b) => a.since.getTime() - b.since.getTime()),
      missing,
      log: {
        lines: Object.values(this.#linesByLevel).reduce((a, b) => a + b, 0),
        byLevel: this.#linesByLevel,
      },
      totals: this.#activity === undefined ? null : totalsOf(this.#activity),
    };
    this.#write({ type: 'summary', ...summary });
    return exitStatus;
  }
}

function totalsOf(activity: Activity): Totals {
  return { ...countsOf(activity), errors: errorsOf(activity.counts) };
}
