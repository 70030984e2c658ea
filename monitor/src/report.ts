import { Coverage } from './coverage.ts';
import type { Findings, MonitorEvent, Notice, Problem } from './events.ts';
import type { LogRecord } from './log-record.ts';
import { addActivities, NO_ACTIVITY, quantileMs, type Activity, type Level, type Snapshot } from './snapshot.ts';
import { verdict, type CountedProblem, type Ending, type Summary, type Totals } from './summary.ts';

/** Prints events. */
export interface Writer {
  write(event: MonitorEvent, at: Date): void;
}

/** Times that one problem is printed between two snapshots; beyond, it is counted and told with the next snapshot. */
const PRINTED_PER_INTERVAL = 5;
/** Different problems that are kept apart. */
const MAX_PROBLEMS = 500;

interface Tally {
  readonly problem: CountedProblem & { count: number; last: Date };
  printed: number;
  unprinted: number;
}

/** Gathers what the watch finds: prints it as it comes, within bounds, and knows what it comes to. */
export class Report implements Findings {
  readonly coverage = new Coverage(this);
  readonly #writer: Writer;
  readonly #startedAt = Date.now();
  readonly #problems = new Map<string, Tally>();
  #otherProblems = 0;
  #lines = 0;
  readonly #linesByLevel = new Map<string, number>();
  #activity: Activity | undefined;
  #connections: number | undefined;
  #peakConnections: number | undefined;
  #memory: number | undefined;
  #peakMemory: number | undefined;

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  problem(problem: Problem): void {
    const key = JSON.stringify([
      problem.kind,
      problem.source,
      problem.line?.level,
      problem.line?.event,
      problem.message,
    ]);
    const now = new Date();
    let tally = this.#problems.get(key);
    if (tally === undefined) {
      if (this.#problems.size >= MAX_PROBLEMS) {
        this.#otherProblems += 1;
        return;
      }
      tally = newTally(problem, now);
      this.#problems.set(key, tally);
    }
    tally.problem.count += 1;
    tally.problem.last = now;
    if (tally.printed < PRINTED_PER_INTERVAL) {
      tally.printed += 1;
      this.#writer.write({ type: 'problem', ...problem }, now);
    } else tally.unprinted += 1;
  }

  notice(notice: Notice): void {
    this.#writer.write({ type: 'notice', ...notice }, new Date());
  }

  /** Counts a line of the log, whatever its level. */
  countLine(level: string): void {
    this.#lines += 1;
    this.#linesByLevel.set(level, (this.#linesByLevel.get(level) ?? 0) + 1);
  }

  /** Prints a WARN line. */
  log(source: string, line: LogRecord): void {
    this.#writer.write({ type: 'log', source, line }, new Date());
  }

  snapshot(source: string, snapshot: Snapshot): void {
    this.#writer.write({ type: 'snapshot', source, ...snapshot }, new Date());
  }

  /** Adds an interval of the whole service to the totals. */
  addTotals(level: Level, activity: Activity | undefined): void {
    if (activity !== undefined)
      this.#activity = addActivities([this.#activity ?? NO_ACTIVITY, activity], 'consecutive');
    this.#connections = level.connections ?? this.#connections;
    this.#peakConnections = max(this.#peakConnections, level.connections);
    this.#memory = level.memoryBytes ?? this.#memory;
    this.#peakMemory = max(this.#peakMemory, level.memoryBytes);
  }

  /** Tells of the problems that were only counted since the last time. */
  tellRepeated(): void {
    for (const tally of this.#problems.values()) {
      const { unprinted: count } = tally;
      const { kind, source, message } = tally.problem;
      if (count > 0) this.#writer.write({ type: 'repeated', kind, source, message, count }, new Date());
      tally.printed = 0;
      tally.unprinted = 0;
    }
  }

  /** Ends the report: prints the summary and returns it. */
  finish(ending: Ending): Summary {
    this.tellRepeated();
    const missing = this.coverage.missing();
    const summary: Summary = {
      ...verdict(this.#problems.size + this.#otherProblems, missing.length),
      ending,
      watchedSeconds: (Date.now() - this.#startedAt) / 1000,
      problems: [...this.#problems.values()].map(({ problem }) => problem),
      otherProblems: this.#otherProblems,
      gaps: this.coverage.gaps(),
      missing,
      log: { lines: this.#lines, byLevel: Object.fromEntries(this.#linesByLevel) },
      totals: this.#totals(),
    };
    this.#writer.write({ type: 'summary', ...summary }, new Date());
    return summary;
  }

  #totals(): Totals | null {
    const activity = this.#activity;
    if (activity === undefined) return null;
    const { seconds, messages, opened, closed, errors, handling } = activity;
    return {
      seconds,
      messages,
      messagesPerSecond: messages / seconds,
      opened,
      closed,
      errors: Object.fromEntries([...errors].filter(([, count]) => count > 0)),
      handlingP99Ms: quantileMs(handling, 0.99),
      connections: this.#connections ?? null,
      peakConnections: this.#peakConnections ?? null,
      memoryBytes: this.#memory ?? null,
      peakMemoryBytes: this.#peakMemory ?? null,
    };
  }
}

function newTally({ kind, source, message, detail, line }: Problem, now: Date): Tally {
  const varying = { ...(detail !== undefined && { detail }), ...(line?.level !== undefined && { level: line.level }) };
  return { problem: { kind, source, message, ...varying, count: 0, first: now, last: now }, printed: 0, unprinted: 0 };
}

function max(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.max(a, b);
}
