import type { AssertionResult } from './asserts.ts';
import type { MetricsComparison } from './metrics-check.ts';
import type { Violation } from './tally.ts';
import type { Quantiles, Sample } from './timeline.ts';

/** What came of a run, before the verdict. Times are milliseconds unless a name says otherwise. */
export interface Outcome {
  /** When it started, ISO 8601. */
  readonly startedAt: string;
  /** From the first connection due to the end of sending. */
  readonly durationSeconds: number;
  /** Ended early by a signal. */
  readonly interrupted: boolean;
  readonly sockets: {
    readonly asked: number;
    /** Of those, how many belong to clients that finish their handshake: some bad ones never do. */
    readonly openable: number;
    readonly peakOpen: number;
    /** Connections opened, reconnections included. */
    readonly opened: number;
    readonly attempts: number;
    readonly reconnects: number;
    /** Sockets that were open at some time. */
    readonly everOpen: number;
    /** Time until every socket was open; `null` if that never was. */
    readonly openedAllAfterMs: number | null;
    /** Sessions that had a connection and none at the end. */
    readonly leftAway: number;
    /** Connections closed, by the code that the client received; 1006 is none. */
    readonly closes: Readonly<Record<string, number>>;
  };
  readonly messages: {
    readonly sent: number;
    readonly replied: number;
    /** Sent by bad clients, to be refused. */
    readonly badSent: number;
    readonly missed: number;
    readonly unansweredAtDisconnect: number;
    /** Of those, counted by the service as later counts told. */
    readonly countedUnanswered: number;
    readonly heartbeats: number;
    readonly byes: number;
    /** Replies a second, over the whole run. */
    readonly perSecond: number;
  };
  readonly latency: {
    /** From when a message was due to its reply. */
    readonly reply: Quantiles;
    /** From when a connection was due to its 101. */
    readonly connect: Quantiles;
    /** From the loss of a connection to the session's next one. */
    readonly away: Quantiles;
  };
  readonly errors: {
    readonly total: number;
    /** Share of all attempts to connect and messages sent, from 0 to 1. */
    readonly ratio: number;
    readonly byKind: Readonly<Record<string, number>>;
  };
  readonly counts: {
    readonly violations: number;
    /** Counts or messages lost. */
    readonly lost: number;
    readonly byKind: Readonly<Record<string, number>>;
    /** The first ones. */
    readonly first: readonly Violation[];
  };
  readonly metrics: MetricsComparison;
  readonly client: {
    readonly processes: number;
    readonly cpuSeconds: number;
    /** CPU time of its processes for each message answered. */
    readonly cpuMicrosPerMessage: number | null;
    readonly loopDelayMs: Quantiles;
    /** Seconds in which one of its processes was busy all the time, or nearly. */
    readonly overloadedSeconds: number;
    /** It could not keep its schedule, so its latencies are its own in part. */
    readonly overloaded: boolean;
  };
}

/** The whole result: what `--json` prints and the report shows. */
export interface Result extends Outcome {
  /** Version of this shape. */
  readonly schema: 1;
  /** Version of the load test. */
  readonly version: string;
  /** The flags in force, as one would write them. */
  readonly settings: Readonly<Record<string, string>>;
  readonly verdict: Verdict;
  readonly assertions: readonly AssertionResult[];
  readonly timeline: readonly Sample[];
}

/** Whether the run is good. */
export interface Verdict {
  readonly passed: boolean;
  /** Why it is not, a sentence each. */
  readonly failures: readonly string[];
  /** What to know when reading the figures, a sentence each. */
  readonly warnings: readonly string[];
}
