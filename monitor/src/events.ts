import type { ExitStatus } from './command-line.ts';
import type { LogRecord } from './log-lines.ts';
import type { Counts, Snapshot } from './metrics.ts';

/** Kinds of problem, with what each is. One problem makes the exit status 1. The table in docs/monitor.md comes from here. */
export const PROBLEMS = {
  log_error: 'The log has an ERROR or CRITICAL line, or a line that is not JSON and reads like a crash.',
  unreachable: 'The service stopped answering without a drain; or it drained and did not come back.',
  unhealthy: '`/healthz/` answered something other than 200.',
  not_ready: 'Readiness failed without a drain; or a pod that is 30 s old or older is not ready at the end.',
  restarted: 'The process or a container was restarted without a drain.',
  container_failed:
    'A container ended with an exit status other than 0, or can not be started (image, configuration, crash loop).',
  oom_killed: 'A container was killed because it needed more memory than its limit.',
  pod_failed: 'A pod failed as a whole, for example by eviction.',
  server_errors: "`websocket_errors_total` grew for a type that is the service's fault.",
  log_lines_dropped: 'The service lost log lines, so errors may be missing here too.',
} as const;

/** A key of {@link PROBLEMS}. */
export type ProblemKind = keyof typeof PROBLEMS;

/** Kinds of notice, with what each is. Notices are no problems. The table in docs/monitor.md comes from here. */
export const NOTICES = {
  watching: 'What is watched from now on.',
  reachable: 'The service answers, for the first time or again.',
  ready: 'The service or a pod is ready, for the first time or again.',
  draining: 'The service or a pod began to drain, is being deleted, or ended after its drain.',
  restarted: 'The process or container was restarted after a drain, or after a problem that was reported.',
  pod_added: 'A pod is watched: its status, node and image.',
  pod_gone: 'A pod is gone.',
  stream: 'Something about the log: it was rotated or truncated, its pipe ended.',
  not_watched: 'Something can not be watched now: the reason, and what to do.',
  watched_again: 'What could not be watched is watched again, and how long it was not.',
} as const;

/** A key of {@link NOTICES}. */
export type NoticeKind = keyof typeof NOTICES;

/** Something that is wrong with the service. */
export interface Problem {
  readonly kind: ProblemKind;
  /** `service`, or the pod it was seen at. */
  readonly source: string;
  /** What is wrong: the same text for the same thing, since problems are counted by it. */
  readonly message: string;
  /** What varies from one time to the next. */
  readonly detail?: string | undefined;
  /** The log line, if that is where it was seen. */
  readonly line?: LogRecord;
}

/** Something worth knowing that is not wrong. */
export interface Notice {
  readonly kind: NoticeKind;
  readonly source: string;
  readonly message: string;
}

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
export interface Totals extends Counts {
  /** By type; types that had none are left out. */
  readonly errors: Readonly<Record<string, number>>;
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

/** Receives problems and notices while the service is watched. */
export interface Findings {
  problem(problem: Problem): void;
  notice(notice: Notice): void;
}

/** A line of the monitor's own output, with `--json` as it stands here. */
export type MonitorEvent =
  | ({ readonly type: 'problem' } & Problem)
  | ({ readonly type: 'notice' } & Notice)
  | { readonly type: 'log'; readonly source: string; readonly line: LogRecord }
  | ({ readonly type: 'repeated'; readonly count: number } & Omit<Problem, 'detail' | 'line'>)
  | ({ readonly type: 'snapshot'; readonly source: string } & Snapshot)
  | ({ readonly type: 'summary' } & Summary);

/** The types of {@link MonitorEvent}, with what each is. The table in docs/monitor.md comes from here. */
export const EVENT_TYPES = {
  problem: 'Something is wrong: `kind`, `source`, `message`, `detail`, and `line` if it was a log line.',
  notice: 'Something worth knowing that is not wrong: `kind`, `source`, `message`.',
  log: 'A WARN line, with `--warn`: `source`, `line`.',
  repeated: 'More of a problem that was printed several times already: `count` of them since.',
  snapshot:
    'Metrics, at the start, at each interval and at the end: `source` is `service`, a pod, or `total`. Memory is in bytes; `null` is not known, as rates are in the first.',
  summary:
    'The last line: `status`, `exit_status`, `problems` with how often each was seen, `gaps` in what was watched, totals.',
} as const satisfies Record<MonitorEvent['type'], string>;
