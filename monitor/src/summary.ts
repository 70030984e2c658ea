import type { Gap } from './coverage.ts';
import type { ProblemKind } from './events.ts';
import type { ExitStatus } from './options.ts';

/** Why the watch ended: its time was over, a signal came, or there is nothing it could watch. */
export type Ending = 'time' | 'interrupted' | 'impossible';

/** A problem and how often it was seen. */
export interface CountedProblem {
  readonly kind: ProblemKind;
  readonly source: string;
  readonly message: string;
  /** Of the first time. */
  readonly detail?: string;
  /** Level of the log line, if that is where it was seen. */
  readonly level?: string;
  readonly count: number;
  readonly first: Date;
  readonly last: Date;
}

/** Lines of the log that were read. */
export interface LogCounts {
  readonly lines: number;
  /** By level; lines that are not JSON under `unstructured`. */
  readonly byLevel: Readonly<Record<string, number>>;
}

/** The metrics over the whole watch. */
export interface Totals {
  readonly seconds: number;
  readonly messages: number;
  readonly messagesPerSecond: number;
  readonly opened: number;
  readonly closed: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly handlingP99Ms: number | null;
  readonly connections: number | null;
  readonly peakConnections: number | null;
  readonly memoryBytes: number | null;
  readonly peakMemoryBytes: number | null;
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
  readonly log: LogCounts;
  /** `null` if there are not two scrapes to compare. */
  readonly totals: Totals | null;
}

/** Decides the exit status: a problem outweighs what could not be watched, since it was seen. */
export function verdict(problems: number, missing: number): Pick<Summary, 'status' | 'exitStatus'> {
  if (problems > 0) return { status: 'problems', exitStatus: 1 };
  return missing > 0 ? { status: 'not_watched', exitStatus: 2 } : { status: 'healthy', exitStatus: 0 };
}
