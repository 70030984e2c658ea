import { openableOf } from './clients.ts';
import type { Totals } from './fleet.ts';
import type { MetricsComparison } from './metrics-check.ts';
import type { Plan } from './plan.ts';
import type { Timeline } from './timeline.ts';

/** A run as its end left it. */
export interface Ended {
  readonly plan: Plan;
  readonly timeline: Timeline;
  readonly totals: Totals;
  readonly metrics: MetricsComparison;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly seconds: number;
  readonly interrupted: boolean;
  readonly peakOpen: number;
}

/** What came of a run, before the verdict. Plain data; times are milliseconds unless a name says otherwise. */
export type Outcome = ReturnType<typeof collect>;

/**
 * Loop delays from which latencies are the load test's own in part: the 99th percentile, and the worst. Milliseconds.
 */
const OVERLOAD_P99_MS = 10;
const OVERLOAD_MAX_MS = 200;
/** Share of the seconds that may be busy ones. */
const OVERLOAD_SHARE = 0.1;

/** Puts together what came of a run. */
export function outcomeOf(ended: Ended): Outcome {
  return collect(ended);
}

/** The type of an outcome is this function's, and its documentation that of the fields here. */
function collect({ plan, timeline, totals, metrics, startedAt, seconds, interrupted, peakOpen }: Ended) {
  const { counters, loopDelay } = totals;
  const openable = openableOf(plan);
  const { reply, connect, away } = timeline.times;
  const tried = counters.attempts + counters.sent + counters.badSent;
  return {
    /** When it started, ISO 8601. */
    startedAt,
    /** From the first connection due to the end of sending. */
    durationSeconds: seconds,
    /** Ended early by a signal. */
    interrupted,
    sockets: {
      asked: plan.clients,
      /** Of those, how many belong to clients that finish their handshake: some bad ones never do. */
      openable,
      peakOpen,
      /** Connections opened, reconnections included. */
      opened: counters.opened,
      attempts: counters.attempts,
      reconnects: counters.reconnects,
      /** Sockets that were open at some time. */
      everOpen: totals.everOpen,
      /** Time until every socket was open; `null` if that never was. */
      openedAllAfterMs: totals.everOpen === openable ? totals.lastFirstOpenMs : null,
      /** Sessions that had a connection and none at the end. */
      leftAway: totals.leftAway,
      /** Connections closed, by the code that the client received; 1006 is none. */
      closes: totals.closesByCode,
    },
    messages: {
      sent: counters.sent,
      replied: counters.replied,
      /** Sent by bad clients, to be refused. */
      badSent: counters.badSent,
      missed: counters.missed,
      unansweredAtDisconnect: counters.unanswered,
      /** Of those, counted by the service as later counts showed. */
      countedUnanswered: counters.countedUnanswered,
      heartbeats: counters.heartbeats,
      byes: counters.byes,
      /** Replies a second, over the whole run. */
      perSecond: seconds === 0 ? 0 : counters.replied / seconds,
    },
    /**
     * `reply`: from when a message was due; `connect`: from when a connection was due; `away`: from a loss to the next
     * connection.
     */
    latency: { reply, connect, away },
    errors: {
      total: counters.errors,
      /** Share of all attempts to connect and messages sent, from 0 to 1. */
      ratio: tried === 0 ? 0 : counters.errors / tried,
      byKind: totals.errorsByKind,
    },
    counts: {
      violations: counters.violations,
      /** Counts or messages lost. */
      lost: counters.lost,
      byKind: totals.violationsByKind,
      /** The first ones. */
      first: timeline.violations.toSorted((a, b) => a.atSeconds - b.atSeconds),
    },
    metrics,
    client: {
      processes: plan.processes,
      cpuSeconds: totals.cpuSeconds,
      /** CPU time of its processes for each message answered. */
      cpuMicrosPerMessage: counters.replied === 0 ? null : (totals.cpuSeconds * 1e6) / counters.replied,
      /** How late its event loops were, that of the process with the largest value. */
      loopDelayMs: loopDelay,
      /** Seconds in which one of its processes was busy all the time, or nearly. */
      overloadedSeconds: timeline.overloadedSeconds,
      /** It could not keep its schedule, so its latencies are its own in part. */
      overloaded:
        (loopDelay.p99 ?? 0) > OVERLOAD_P99_MS ||
        (loopDelay.max ?? 0) > OVERLOAD_MAX_MS ||
        timeline.overloadedSeconds > Math.max(1, seconds * OVERLOAD_SHARE),
    },
  };
}
