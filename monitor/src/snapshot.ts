import { sum, sumBy, type Samples } from '../../lib/metrics-text.ts';

/** Metrics of the service that the monitor reads; service/src/metrics/metrics.ts makes them. */
export const METRICS = {
  connections: 'websocket_active_connections',
  connectionsLimit: 'websocket_limit_connections',
  opened: 'websocket_connections_opened_total',
  closed: 'websocket_connections_closed_total',
  messages: 'websocket_messages_total',
  errors: 'websocket_errors_total',
  handling: 'websocket_message_duration_seconds_bucket',
  ready: 'websocket_ready',
  draining: 'websocket_draining',
  drainSeconds: 'websocket_shutdown_time_seconds',
  closingSeconds: 'websocket_drain_closing_seconds',
  closingLimit: 'websocket_limit_drain_seconds',
  logLinesDropped: 'websocket_log_lines_dropped_total',
  memory: 'process_resident_memory_bytes',
  startedAt: 'process_start_time_seconds',
} as const;

/** One scrape. */
export interface Reading {
  /** When it was read, by this machine's clock. Milliseconds since 1970. */
  readonly atMs: number;
  readonly samples: Samples;
}

/** What a process is doing. */
export type ServiceState = 'ready' | 'not ready' | 'draining' | 'unknown';

/** Gauges of one scrape, or their sums over pods. `undefined` is not known. */
export interface Level {
  readonly connections: number | undefined;
  readonly connectionsLimit: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly state: ServiceState;
  /** Seconds since the drain began; 0 before. */
  readonly drainSeconds: number;
  /** Seconds since connections began to be closed; 0 before. */
  readonly closingSeconds: number;
  /** Most seconds that closing may take; Infinity if not known. */
  readonly closingLimitSeconds: number;
}

/** What counters did between two scrapes, or in all pods, or over the whole watch. */
export interface Activity {
  readonly seconds: number;
  readonly opened: number;
  readonly closed: number;
  readonly messages: number;
  readonly errors: ReadonlyMap<string, number>;
  /** Messages by the upper bound of their handling time in seconds, cumulative as Prometheus has them. */
  readonly handling: ReadonlyMap<number, number>;
  readonly logLinesDropped: number;
  /** The process is another than at the last scrape. */
  readonly restarted: boolean;
}

/** Metrics as they are shown: the level, and the change since the last snapshot. `null` is not known. */
export interface Snapshot {
  readonly seconds: number | null;
  readonly connections: number | null;
  readonly connectionsChange: number | null;
  readonly connectionsLimit: number | null;
  readonly opened: number | null;
  readonly closed: number | null;
  readonly messages: number | null;
  readonly messagesPerSecond: number | null;
  /** By type; types that had none are left out. */
  readonly errorsPerSecond: Readonly<Record<string, number>> | null;
  readonly handlingP99Ms: number | null;
  readonly state: ServiceState;
  readonly drainSeconds: number;
  readonly memoryBytes: number | null;
  readonly memoryChangeBytes: number | null;
  /** What the health endpoint or Kubernetes says; none in a total. */
  readonly health?: Health;
  /** Pods summed up, in a total. */
  readonly pods?: number;
}

/** Health of the service or of a pod. */
export interface Health {
  readonly ready: boolean;
  /** The `status` of `/readyz/`, or the phase or reason that Kubernetes gives. */
  readonly status: string;
  /** Times that containers were started anew; `null` where no one counts. */
  readonly restarts: number | null;
  /** Why a container ended last, with its exit status and when. */
  readonly lastTermination: string | null;
  readonly image: string | null;
}

/** No activity: what sums start from. */
export const NO_ACTIVITY: Activity = {
  seconds: 0,
  opened: 0,
  closed: 0,
  messages: 0,
  errors: new Map(),
  handling: new Map(),
  logLinesDropped: 0,
  restarted: false,
};

/** Whether a last snapshot says something new: one that follows another at once would show the rates of a moment. */
export function isDue(lastMs: number, { interval }: { readonly interval: number }): boolean {
  return Date.now() - lastMs >= (interval * 1000) / 4;
}

/** The gauges of a process that could not be scraped. */
export const UNKNOWN_LEVEL: Level = {
  connections: undefined,
  connectionsLimit: undefined,
  memoryBytes: undefined,
  state: 'unknown',
  drainSeconds: 0,
  closingSeconds: 0,
  closingLimitSeconds: Infinity,
};

/** The gauges of a scrape. */
export function levelOf({ samples }: Reading): Level {
  const draining = sum(samples, METRICS.draining) === 1;
  return {
    connections: sum(samples, METRICS.connections),
    connectionsLimit: sum(samples, METRICS.connectionsLimit),
    memoryBytes: sum(samples, METRICS.memory),
    state: draining ? 'draining' : sum(samples, METRICS.ready) === 1 ? 'ready' : 'not ready',
    drainSeconds: sum(samples, METRICS.drainSeconds) ?? 0,
    closingSeconds: sum(samples, METRICS.closingSeconds) ?? 0,
    closingLimitSeconds: sum(samples, METRICS.closingLimit) ?? Infinity,
  };
}

/**
 * What the counters did since the last scrape. A process that began during the watch counts from zero, so a restart loses
 * only what the old process did after its last scrape.
 * @param watchedSinceMs when the watch began
 * @returns `undefined` for the first scrape of a process that is older than the watch
 */
export function activityBetween(
  previous: Reading | undefined,
  current: Reading,
  watchedSinceMs: number,
): Activity | undefined {
  const startedMs = startedAtMs(current);
  const restarted = previous !== undefined && startedAtMs(previous) !== startedMs;
  const fromZero = restarted || (previous === undefined && startedMs !== undefined && startedMs > watchedSinceMs);
  if (previous === undefined && !fromZero) return undefined;
  const base: Samples = fromZero || previous === undefined ? new Map() : previous.samples;
  const sinceMs = fromZero ? (startedMs ?? watchedSinceMs) : (previous?.atMs ?? watchedSinceMs);
  const grown = (name: string): number => growth(sum(base, name), sum(current.samples, name));
  return {
    // Clocks of two machines differ: never divide by nothing.
    seconds: Math.max((current.atMs - sinceMs) / 1000, 0.001),
    opened: grown(METRICS.opened),
    closed: grown(METRICS.closed),
    messages: grown(METRICS.messages),
    errors: growthBy(base, current.samples, METRICS.errors, 'type'),
    handling: numberKeys(growthBy(base, current.samples, METRICS.handling, 'le')),
    logLinesDropped: grown(METRICS.logLinesDropped),
    restarted,
  };
}

/** Sums of counters over several pods (the longest time) or, with `consecutive`, over several times (their sum). */
export function addActivities(activities: readonly Activity[], how: 'parallel' | 'consecutive'): Activity {
  return activities.reduce(
    (total, each) => ({
      seconds: how === 'consecutive' ? total.seconds + each.seconds : Math.max(total.seconds, each.seconds),
      opened: total.opened + each.opened,
      closed: total.closed + each.closed,
      messages: total.messages + each.messages,
      errors: addMaps(total.errors, each.errors),
      handling: addMaps(total.handling, each.handling),
      logLinesDropped: total.logLinesDropped + each.logLinesDropped,
      restarted: total.restarted || each.restarted,
    }),
    NO_ACTIVITY,
  );
}

/** Sums of gauges over pods. The state is the worst one; the drain's times are the longest. */
export function addLevels(levels: readonly Level[]): Level {
  const worst = (['not ready', 'draining', 'ready'] as const).find((state) =>
    levels.some((level) => level.state === state),
  );
  const total = (pick: (level: Level) => number | undefined): number | undefined => {
    const known = levels.map(pick).filter((value) => value !== undefined);
    return known.length === 0 ? undefined : known.reduce((a, b) => a + b, 0);
  };
  return {
    connections: total((level) => level.connections),
    connectionsLimit: total((level) => level.connectionsLimit),
    memoryBytes: total((level) => level.memoryBytes),
    state: worst ?? 'unknown',
    drainSeconds: Math.max(0, ...levels.map((level) => level.drainSeconds)),
    closingSeconds: Math.max(0, ...levels.map((level) => level.closingSeconds)),
    closingLimitSeconds: Math.min(Infinity, ...levels.map((level) => level.closingLimitSeconds)),
  };
}

/** Puts together what is shown. */
export function snapshotOf(level: Level, previous: Level | undefined, activity: Activity | undefined): Snapshot {
  const { connections, memoryBytes } = level;
  return {
    seconds: activity?.seconds ?? null,
    connections: connections ?? null,
    connectionsChange: difference(previous?.connections, connections),
    connectionsLimit: level.connectionsLimit ?? null,
    opened: activity?.opened ?? null,
    closed: activity?.closed ?? null,
    messages: activity?.messages ?? null,
    messagesPerSecond: activity === undefined ? null : activity.messages / activity.seconds,
    errorsPerSecond: activity === undefined ? null : errorRates(activity),
    handlingP99Ms: activity === undefined ? null : quantileMs(activity.handling, 0.99),
    state: level.state,
    drainSeconds: level.drainSeconds,
    memoryBytes: memoryBytes ?? null,
    memoryChangeBytes: difference(previous?.memoryBytes, memoryBytes),
  };
}

/** Errors a second, by type; types without any are left out. */
export function errorRates({ errors, seconds }: Activity): Record<string, number> {
  const rates: Record<string, number> = {};
  for (const [type, count] of errors) if (count > 0) rates[type] = count / seconds;
  return rates;
}

/**
 * Quantile of a histogram, interpolated as Prometheus' `histogram_quantile` does: beyond the highest bound it is that bound.
 * @param cumulative counts by upper bound in seconds
 * @returns milliseconds; `null` if nothing was observed
 */
export function quantileMs(cumulative: ReadonlyMap<number, number>, quantile: number): number | null {
  const buckets = [...cumulative].sort(([a], [b]) => a - b);
  const total = buckets.at(-1)?.[1] ?? 0;
  if (total <= 0) return null;
  const rank = quantile * total;
  let lowerBound = 0;
  let lowerCount = 0;
  for (const [bound, count] of buckets) {
    if (count >= rank) {
      if (bound === Infinity) return lowerBound * 1000;
      return (lowerBound + (bound - lowerBound) * ((rank - lowerCount) / (count - lowerCount))) * 1000;
    }
    [lowerBound, lowerCount] = [bound, count];
  }
  return lowerBound * 1000;
}

function startedAtMs({ samples }: Reading): number | undefined {
  const seconds = sum(samples, METRICS.startedAt);
  return seconds === undefined ? undefined : seconds * 1000;
}

/** A counter that went down began anew. */
function growth(before = 0, after = 0): number {
  return after < before ? after : after - before;
}

function growthBy(before: Samples, after: Samples, name: string, label: string): Map<string, number> {
  const base = sumBy(before, name, label);
  return new Map([...sumBy(after, name, label)].map(([key, value]) => [key, growth(base.get(key), value)]));
}

function numberKeys(map: ReadonlyMap<string, number>): Map<number, number> {
  return new Map([...map].map(([bound, count]) => [bound === '+Inf' ? Infinity : Number(bound), count]));
}

function addMaps<K>(a: ReadonlyMap<K, number>, b: ReadonlyMap<K, number>): Map<K, number> {
  const total = new Map(a);
  for (const [key, value] of b) total.set(key, (total.get(key) ?? 0) + value);
  return total;
}

function difference(before: number | undefined, after: number | undefined): number | null {
  return before === undefined || after === undefined ? null : after - before;
}
