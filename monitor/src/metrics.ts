import { sum, sumBy, type Samples } from '../../lib/metrics-text.ts';

/** Gauges of the service that the monitor reads; service/src/metrics/metrics.ts makes them. */
export const GAUGES = {
  connections: 'websocket_active_connections',
  connectionsLimit: 'websocket_limit_connections',
  memoryBytes: 'process_resident_memory_bytes',
  ready: 'websocket_ready',
  draining: 'websocket_draining',
  drainSeconds: 'websocket_shutdown_time_seconds',
  startedAt: 'process_start_time_seconds',
} as const;

/** Counters that are summed over their labels. */
export const COUNTERS = {
  opened: 'websocket_connections_opened_total',
  closed: 'websocket_connections_closed_total',
  messages: 'websocket_messages_total',
  dropped: 'websocket_log_lines_dropped_total',
} as const;

/** Errors, by their label `type`. */
export const ERRORS = 'websocket_errors_total';

const ERROR_KEY = 'type ';

/** What a process is doing. */
export type ServiceState = 'ready' | 'not ready' | 'draining' | 'unknown';

/** Gauges of one scrape, or their sums over pods. `undefined` is not known. */
export interface Gauges {
  readonly connections: number | undefined;
  readonly connectionsLimit: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly state: ServiceState;
  /** Seconds since the drain began; 0 before. */
  readonly drainSeconds: number;
}

/**
 * How much counters grew between two scrapes, in all pods, or over the whole watch: by the keys of {@link COUNTERS}, and by
 * `type internal` for an error.
 */
export interface Activity {
  readonly seconds: number;
  readonly counts: ReadonlyMap<string, number>;
}

/** Health of a pod. */
export interface Health {
  readonly ready: boolean;
  /** The phase or reason that Kubernetes gives. */
  readonly status: string;
  /** Restarts of containers. */
  readonly restarts: number;
  /** Why a container ended last, with its exit status and when. */
  readonly lastTermination: string | null;
  readonly image: string;
}

/** An activity as it is shown. */
export interface Counts {
  readonly seconds: number;
  readonly opened: number;
  readonly closed: number;
  readonly messages: number;
  readonly messagesPerSecond: number;
  /** By type; types that had none are left out. */
  readonly errorsPerSecond: Readonly<Record<string, number>>;
}

/** Metrics as they are shown: the gauges, and the change since the last snapshot. `null` is not known. */
export interface Snapshot extends Nullable<Counts>, Nullable<Omit<Gauges, 'state' | 'drainSeconds'>> {
  readonly state: ServiceState;
  readonly drainSeconds: number;
  /** Of a pod alone. */
  readonly health?: Health;
  /** Pods summed up, in a total. */
  readonly pods?: number;
}

type Nullable<T> = { readonly [Key in keyof T]: Exclude<T[Key], undefined> | null };

/** What one scrape adds to those before it. */
export interface Step {
  readonly gauges: Gauges;
  readonly activity: Activity | undefined;
  /** The process is another than at the last scrape. */
  readonly restarted: boolean;
}

/**
 * The sum of activities.
 * @param seconds the time that they took together
 */
export function addActivities(activities: readonly Activity[], seconds: number): Activity {
  const counts = new Map<string, number>();
  for (const [key, count] of activities.flatMap((each) => [...each.counts]))
    counts.set(key, (counts.get(key) ?? 0) + count);
  return { seconds, counts };
}

/** Sums of gauges over pods. The state is the worst one, the drain's time the longest. */
export function addGauges(all: readonly Gauges[]): Gauges {
  const total = (pick: (gauges: Gauges) => number | undefined): number | undefined =>
    all.map(pick).reduce((a, b) => (a === undefined || b === undefined ? (a ?? b) : a + b), undefined);
  const states = ['not ready', 'draining', 'ready'] as const;
  return {
    connections: total(({ connections }) => connections),
    connectionsLimit: total(({ connectionsLimit }) => connectionsLimit),
    memoryBytes: total(({ memoryBytes }) => memoryBytes),
    state: states.find((state) => all.some((gauges) => gauges.state === state)) ?? 'unknown',
    drainSeconds: Math.max(0, ...all.map(({ drainSeconds }) => drainSeconds)),
  };
}

/** Gauges of a process that can not be scraped now. */
export const UNKNOWN: Gauges = addGauges([]);

/** Puts together what is shown. */
export function snapshotOf({ gauges, activity }: Omit<Step, 'restarted'>): Snapshot {
  const { connections, connectionsLimit, memoryBytes, state, drainSeconds } = gauges;
  return {
    connections: connections ?? null,
    connectionsLimit: connectionsLimit ?? null,
    memoryBytes: memoryBytes ?? null,
    state,
    drainSeconds,
    ...(activity === undefined ? NO_COUNTS : countsOf(activity)),
  };
}

const NO_COUNTS = {
  seconds: null,
  opened: null,
  closed: null,
  messages: null,
  messagesPerSecond: null,
  errorsPerSecond: null,
} as const;

/** An activity as it is shown. */
export function countsOf({ seconds, counts }: Activity): Counts {
  const errors = Object.entries(errorsOf(counts));
  return {
    seconds,
    opened: counts.get('opened') ?? 0,
    closed: counts.get('closed') ?? 0,
    messages: counts.get('messages') ?? 0,
    messagesPerSecond: (counts.get('messages') ?? 0) / seconds,
    errorsPerSecond: Object.fromEntries(errors.map(([type, count]) => [type, count / seconds])),
  };
}

/** Errors by type; types that had none are left out. */
export function errorsOf(counts: Activity['counts']): Record<string, number> {
  const errors = [...counts].filter(([key, count]) => key.startsWith(ERROR_KEY) && count > 0);
  return Object.fromEntries(errors.map(([key, count]) => [key.slice(ERROR_KEY.length), count]));
}

/** The gauges of a scrape. */
export function gaugesOf(samples: Samples): Gauges {
  const isOn = (name: string): boolean => sum(samples, name) === 1;
  return {
    connections: sum(samples, GAUGES.connections),
    connectionsLimit: sum(samples, GAUGES.connectionsLimit),
    memoryBytes: sum(samples, GAUGES.memoryBytes),
    state: isOn(GAUGES.draining) ? 'draining' : isOn(GAUGES.ready) ? 'ready' : 'not ready',
    drainSeconds: sum(samples, GAUGES.drainSeconds) ?? 0,
  };
}

/** The counters of a scrape, by the keys of {@link Activity}. */
export function countersOf(samples: Samples): Map<string, number> {
  const counters = new Map<string, number>();
  for (const [key, name] of Object.entries(COUNTERS)) counters.set(key, sum(samples, name) ?? 0);
  for (const [type, count] of sumBy(samples, ERRORS, 'type')) counters.set(`${ERROR_KEY}${type}`, count);
  return counters;
}

/** How much counters grew. One that went down began again from zero. */
export function growth(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): Map<string, number> {
  return new Map([...after].map(([key, count]) => [key, count - Math.min(before.get(key) ?? 0, count)]));
}
