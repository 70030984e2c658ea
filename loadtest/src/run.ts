import { BEHAVIOURS, type Behaviour } from './behaviours.ts';
import { Crew } from './crew.ts';
import { planProcesses, planSources, readLimits } from './limits.ts';
import { MetricsCheck, MetricsError, notCompared, type ClientView, type MetricsComparison } from './metrics-check.ts';
import type { Settings } from './options.ts';
import { behaviourOf, type Plan } from './plan.ts';
import { reach, type Reached } from './reach.ts';
import type { Outcome } from './result.ts';
import { quantiles, Timeline, type Sample, type Totals } from './timeline.ts';
import { UsageError } from './usage-error.ts';

/** What a run is doing. */
export type Phase = 'opening' | 'running' | 'finishing' | 'comparing';

/** Is told how a run goes. */
export interface RunObserver {
  phase(phase: Phase): void;
  /** About once a second, with the sums so far. */
  sample(sample: Sample, totals: Totals): void;
}

/** What a run gave. */
export interface RunOutcome {
  readonly outcome: Outcome;
  readonly timeline: readonly Sample[];
}

/** Loop delays from which latencies are the load test's own in part: the 99th percentile, and the worst. Milliseconds. */
const OVERLOAD_P99_MS = 10;
const OVERLOAD_MAX_MS = 200;
/** Share of the seconds that may be busy ones. */
const OVERLOAD_SHARE = 0.1;

/**
 * Makes one run.
 * @param stop ends it early, in order
 * @throws {UsageError} if it can't begin
 * @throws {WorkerLostError} if a process of its own ends in the middle
 */
export async function run(settings: Settings, observer: RunObserver, stop: AbortSignal): Promise<RunOutcome> {
  const limits = readLimits();
  const processes = planProcesses(settings.sockets, settings.processes, limits);
  const before = await readMetrics(settings);
  const reached = await reach(settings);
  if (before instanceof MetricsError && settings.metricsNamed) throw new UsageError(`--metrics-url: ${before.message}`);
  const sources = planSources(settings.sockets, reached.endpoint.address, settings.sourceAddresses, limits);
  const plan = {
    ...planOf(settings, reached, processes),
    localAddresses: sources.addresses,
    moreLocalAddresses: sources.mayGrow,
  };
  const startedAt = new Date().toISOString();
  const { timeline, seconds, peakOpen } = await load(plan, observer, stop);
  observer.phase('comparing');
  const totals = timeline.totals();
  const metrics = await compare(before, settings, viewOf(totals, reached));
  const interrupted = stop.aborted;
  const outcome = outcomeOf({ plan, timeline, totals, metrics, startedAt, seconds, interrupted, peakOpen });
  return { outcome, timeline: timeline.samples };
}

/** A run as its end left it. */
interface Ended {
  readonly plan: Plan;
  readonly timeline: Timeline;
  readonly totals: Totals;
  readonly metrics: MetricsComparison;
  readonly startedAt: string;
  readonly seconds: number;
  readonly interrupted: boolean;
  readonly peakOpen: number;
}

async function load(
  plan: Plan,
  observer: RunObserver,
  stop: AbortSignal,
): Promise<{ timeline: Timeline; seconds: number; peakOpen: number }> {
  const timeline = new Timeline(plan.processes, plan.durationMs / 1000);
  const openable = openableOf(plan);
  let opening = true;
  let peakOpen = 0;
  const over = new AbortController();
  const crew = new Crew(plan, (report) => {
    const sample = timeline.add(report);
    const totals = timeline.totals();
    peakOpen = Math.max(peakOpen, totals.open);
    if (opening && totals.everOpen === openable) {
      opening = false;
      observer.phase('running');
    }
    if (sample !== undefined) observer.sample(sample, totals);
  });
  try {
    observer.phase('opening');
    const startAt = await crew.start();
    await crew.until(sleep(startAt + plan.durationMs - Date.now(), AbortSignal.any([stop, over.signal])));
    opening = false;
    observer.phase('finishing');
    const seconds = (Date.now() - startAt) / 1000;
    await crew.finish();
    return { timeline, seconds: Math.max(0, seconds), peakOpen };
  } finally {
    over.abort();
    await crew.end();
  }
}

function planOf(
  settings: Settings,
  { endpoint }: Reached,
  processes: number,
): Omit<Plan, 'localAddresses' | 'moreLocalAddresses'> {
  const { scenario, target } = settings;
  const durationMs = settings.duration * 1000;
  return {
    endpoint,
    path: target.path,
    headers: settings.headers,
    sockets: settings.sockets,
    connectsPerSecond: settings.rate,
    sendsPerSecond: settings.sendRate,
    sendSteps: (scenario.sendRate ?? [{ at: 0, times: 1 }]).map(({ at, times }) => ({
      fromMs: at * durationMs,
      times,
    })),
    messageBytes: settings.messageBytes,
    durationMs,
    reconnect: settings.reconnect,
    backoff: { baseMs: settings.backoffBase * 1000, maxMs: settings.backoffMax * 1000 },
    connectTimeoutMs: settings.connectTimeout * 1000,
    replyTimeoutMs: settings.replyTimeout * 1000,
    groups: scenario.clients ?? [],
    drops: (scenario.drops ?? []).map(({ at, share }) => ({ atMs: at * durationMs, share })),
    processes,
  };
}

/** What the clients saw, with the trial connection, which the metrics have seen too. */
function viewOf({ counters, closesByCode, uncertain }: Totals, { closeCode }: Reached): ClientView {
  const counted = counters.replied + counters.countedUnanswered;
  const opened = counters.opened + 1;
  return {
    messages: { least: counted, most: counted + uncertain },
    opened: { least: opened, most: opened + counters.openedUncertain },
    closes: { ...closesByCode, [closeCode]: (closesByCode[closeCode] ?? 0) + 1 },
  };
}

async function readMetrics({
  metricsUrls,
  verifyCertificate,
}: Settings): Promise<MetricsCheck | MetricsError | undefined> {
  if (metricsUrls.length === 0) return undefined;
  try {
    return await MetricsCheck.before(metricsUrls, { verifyCertificate });
  } catch (error) {
    if (error instanceof MetricsError) return error;
    throw error;
  }
}

async function compare(
  before: MetricsCheck | MetricsError | undefined,
  { metricsUrls }: Settings,
  view: ClientView,
): Promise<MetricsComparison> {
  if (before instanceof MetricsCheck) return before.compare(view);
  return notCompared(metricsUrls, before === undefined ? 'Nothing was to be compared (--no-metrics).' : before.message);
}

function outcomeOf({ plan, timeline, totals, metrics, startedAt, seconds, interrupted, peakOpen }: Ended): Outcome {
  const { counters } = totals;
  const loopDelayMs = quantiles(timeline.loopDelay);
  const tried = counters.attempts + counters.sent + counters.badSent;
  return {
    startedAt,
    durationSeconds: seconds,
    interrupted,
    sockets: {
      asked: plan.sockets,
      openable: openableOf(plan),
      peakOpen,
      opened: counters.opened,
      attempts: counters.attempts,
      reconnects: counters.reconnects,
      everOpen: totals.everOpen,
      openedAllAfterMs: totals.everOpen === openableOf(plan) ? totals.lastFirstOpenMs : null,
      leftAway: totals.leftAway,
      closes: totals.closesByCode,
    },
    messages: {
      sent: counters.sent,
      replied: counters.replied,
      badSent: counters.badSent,
      missed: counters.missed,
      unansweredAtDisconnect: counters.unanswered,
      countedUnanswered: counters.countedUnanswered,
      heartbeats: counters.heartbeats,
      byes: counters.byes,
      perSecond: seconds === 0 ? 0 : counters.replied / seconds,
    },
    latency: {
      reply: quantiles(timeline.reply),
      connect: quantiles(timeline.connect),
      away: quantiles(timeline.away),
    },
    errors: { total: counters.errors, ratio: tried === 0 ? 0 : counters.errors / tried, byKind: totals.errorsByKind },
    counts: {
      violations: counters.violations,
      lost: counters.lost,
      byKind: totals.violationsByKind,
      first: timeline.violations.toSorted((a, b) => a.atSeconds - b.atSeconds),
    },
    metrics,
    client: {
      processes: plan.processes,
      cpuSeconds: totals.cpuSeconds,
      cpuMicrosPerMessage: counters.replied === 0 ? null : (totals.cpuSeconds * 1e6) / counters.replied,
      loopDelayMs,
      overloadedSeconds: timeline.overloadedSeconds,
      overloaded:
        (loopDelayMs.p99 ?? 0) > OVERLOAD_P99_MS ||
        (loopDelayMs.max ?? 0) > OVERLOAD_MAX_MS ||
        timeline.overloadedSeconds > Math.max(1, seconds * OVERLOAD_SHARE),
    },
  };
}

/** How many clients can have a connection: some bad ones never do. */
function openableOf({ sockets, groups }: Plan): number {
  let openable = 0;
  for (let index = 0; index < sockets; index += 1) {
    const behaviour: Behaviour = BEHAVIOURS[behaviourOf(index, groups)];
    if (behaviour.spoilHandshake === undefined) openable += 1;
  }
  return openable;
}

/** Waits for a time, or until stopped. */
function sleep(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      stop.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    if (stop.aborted) end();
    stop.addEventListener('abort', end);
  });
}
