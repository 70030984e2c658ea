import type { LogRecord } from './log-record.ts';
import type { Snapshot } from './snapshot.ts';
import type { Summary } from './summary.ts';

/** Kinds of problem, with what each is. One problem makes the exit status 1. The table in docs/monitor.md comes from here. */
export const PROBLEMS = {
  log_error: 'The log has an ERROR or CRITICAL line, or a line that is not JSON and reads like a crash.',
  unreachable: 'The service stopped answering, and had not drained before; or it had, and did not come back.',
  unhealthy: '`/healthz/` answered something other than 200.',
  not_ready:
    'Readiness failed though nothing drains; or a pod is still not ready at the end, 30 s or more after it came.',
  restarted: 'The process or a container was started anew, and it had not drained before.',
  container_failed:
    'A container ended with an exit status other than 0, or can not be started (image, configuration, crash loop).',
  oom_killed: 'A container was killed since it needed more memory than its limit.',
  pod_failed: 'A pod failed as a whole, for example by eviction.',
  warning_event: 'Kubernetes recorded a Warning event for a pod of the release or for the workload that owns it.',
  server_errors: "`websocket_errors_total` grew for a type that is the service's fault.",
  log_lines_dropped: 'The service lost log lines, so errors may be missing here too.',
  drain_overdue: 'A drain takes longer than the limit in force.',
} as const;

/** A key of {@link PROBLEMS}. */
export type ProblemKind = keyof typeof PROBLEMS;

/** Kinds of notice, with what each is. Notices are no problems. The table in docs/monitor.md comes from here. */
export const NOTICES = {
  watching: 'What is watched from now on.',
  reachable: 'The service answers, for the first time or again.',
  ready: 'Readiness is back, or a new pod is ready.',
  draining: 'The service or a pod began to drain, or is asked to end.',
  restarted: 'The process or container runs anew, after a drain or after the problem that was told before.',
  pod_added: 'A pod came, with its image.',
  pod_gone: 'A pod is gone.',
  event: 'Kubernetes recorded an event that is part of normal operation.',
  stream: 'A log was rotated or truncated; a stream of a log or a watch ended or was cut, and is read again.',
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
  readonly detail?: string;
  /** The log line, if that is where it was seen. */
  readonly line?: LogRecord;
}

/** Something worth telling that is not wrong. */
export interface Notice {
  readonly kind: NoticeKind;
  readonly source: string;
  readonly message: string;
}

/** Where problems and notices go while the service is watched. */
export interface Findings {
  problem(problem: Problem): void;
  notice(notice: Notice): void;
}

/** A line of the monitor's own output, with `--json` as it stands here. */
export type MonitorEvent =
  | ({ readonly type: 'problem' } & Problem)
  | ({ readonly type: 'notice' } & Notice)
  /** A WARN line, with `--warn`. */
  | { readonly type: 'log'; readonly source: string; readonly line: LogRecord }
  /** More of a problem that was printed several times already. */
  | {
      readonly type: 'repeated';
      readonly kind: ProblemKind;
      readonly source: string;
      readonly message: string;
      readonly count: number;
    }
  /** Metrics of the service; in a cluster one for each pod, and one with the source `total`. */
  | ({ readonly type: 'snapshot'; readonly source: string } & Snapshot)
  | ({ readonly type: 'summary' } & Summary);

/** The types of {@link MonitorEvent}, with what each is. The table in docs/monitor.md comes from here. */
export const EVENT_TYPES = {
  problem: 'Something is wrong: `kind`, `source`, `message`, `detail`, and `line` if it was a log line.',
  notice: 'Something worth telling that is not wrong: `kind`, `source`, `message`.',
  log: 'A WARN line, with `--warn`: `source`, `line`.',
  repeated: 'More of a problem that was printed several times already: `count` of them since.',
  snapshot:
    'Metrics, at the start, at each interval and at the end, with the change since the last: `source` is `service`, a pod, or `total`. Times are in milliseconds, memory in bytes; `null` is not known, as rates are in the first.',
  summary:
    'The last line: `status`, `exit_status`, `problems` with how often each was seen, `gaps` in what was watched, totals.',
} as const satisfies Record<MonitorEvent['type'], string>;
