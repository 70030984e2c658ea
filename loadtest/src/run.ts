import { setTimeout as delay } from 'node:timers/promises';
import { openableOf } from './clients.ts';
import { Fleet, type Totals } from './fleet.ts';
import { planProcesses, planSources, readLimits } from './limits.ts';
import { MetricsCheck, MetricsError, notCompared, type ClientView, type MetricsComparison } from './metrics-check.ts';
import { outcomeOf, type Outcome } from './outcome.ts';
import type { Plan } from './plan.ts';
import { preflight, type Reached } from './preflight.ts';
import type { Settings } from './settings.ts';
import { Timeline, type Sample } from './timeline.ts';
import { UsageError } from './usage-error.ts';

/** What a run is doing. */
export type Phase = 'opening' | 'running' | 'finishing' | 'comparing';

/** Is notified of how a run goes. */
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
  const reached = await preflight(settings);
  if (before instanceof MetricsError && settings.metricsUrl.length > 0)
    throw new UsageError(`--metrics-url: ${before.message}`);
  const sources = planSources(settings.sockets, reached.endpoint.address, settings.sourceAddresses, limits);
  const plan: Plan = {
    ...planOf(settings, reached),
    localAddresses: sources.addresses,
    moreLocalAddresses: sources.mayGrow,
    processes,
  };
  const startedAt = new Date().toISOString();
  const ended = await load(plan, observer, stop);
  observer.phase('comparing');
  const metrics = await compare(before, settings, viewOf(ended.totals, reached));
  const outcome = outcomeOf({ plan, metrics, startedAt, interrupted: stop.aborted, ...ended });
  return { outcome, timeline: ended.timeline.samples };
}

async function load(
  plan: Plan,
  observer: RunObserver,
  stop: AbortSignal,
): Promise<{ timeline: Timeline; totals: Totals; seconds: number; peakOpen: number }> {
  const timeline = new Timeline(plan.processes, plan.durationMs / 1000);
  const openable = openableOf(plan);
  let opening = true;
  let peakOpen = 0;
  const fleet = new Fleet(plan, (report) => {
    const totals = fleet.totals();
    const sample = timeline.add(report, totals);
    peakOpen = Math.max(peakOpen, totals.open);
    if (opening && totals.everOpen === openable) {
      opening = false;
      observer.phase('running');
    }
    if (sample !== undefined) observer.sample(sample, totals);
  });
  const over = new AbortController();
  try {
    observer.phase('opening');
    const startAt = await fleet.begin();
    const signal = AbortSignal.any([stop, over.signal]);
    await fleet.unlessLost(delay(startAt + plan.durationMs - Date.now(), undefined, { signal }).catch(() => undefined));
    opening = false;
    observer.phase('finishing');
    const seconds = Math.max(0, (Date.now() - startAt) / 1000);
    await fleet.finish();
    return { timeline, totals: fleet.totals(), seconds, peakOpen };
  } finally {
    over.abort();
    await fleet.end();
  }
}

function planOf(
  settings: Settings,
  { endpoint }: Reached,
): Omit<Plan, 'localAddresses' | 'moreLocalAddresses' | 'processes'> {
  const { scenario, host } = settings;
  const durationMs = settings.duration * 1000;
  return {
    endpoint,
    path: host.path,
    headers: settings.header,
    clients: settings.sockets,
    connectsPerSecond: settings.rate,
    connectsAtOnce: Infinity,
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
    countsKept: true,
    breaks: false,
    groups: scenario.clients ?? [],
    drops: (scenario.drops ?? []).map(({ at, share }) => ({ atMs: at * durationMs, share })),
    dialect: undefined,
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

function metricsUrls({ metrics, metricsUrl, host }: Settings): readonly string[] {
  if (!metrics) return [];
  return metricsUrl.length > 0 ? metricsUrl : [host.metricsUrl];
}

async function readMetrics(settings: Settings): Promise<MetricsCheck | MetricsError | undefined> {
  const urls = metricsUrls(settings);
  if (urls.length === 0) return undefined;
  try {
    return await MetricsCheck.before(urls, { verifyCertificate: !settings.insecure, ca: settings.ca });
  } catch (error) {
    if (error instanceof MetricsError) return error;
    throw error;
  }
}

async function compare(
  before: MetricsCheck | MetricsError | undefined,
  settings: Settings,
  view: ClientView,
): Promise<MetricsComparison> {
  if (before instanceof MetricsCheck) return before.compare(view);
  const reason = before === undefined ? 'Nothing was to be compared (--no-metrics).' : before.message;
  return notCompared(metricsUrls(settings), reason);
}
