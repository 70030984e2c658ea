import type { LogLine } from '../../testkit/app.ts';
import type { Scrape } from '../../testkit/scrape.ts';
import type { LogEvent } from '../../service/src/log/events.ts';
import { MEMORY, scrape } from './health.ts';
import type { Instance } from './instance.ts';

const POLL_MS = 500;
/** Thresholds, in seconds: what a quiet system stays below. */
const LATE_LOOP = 0.05;
const SLOW_STORE = 0.05;
const SLOW_PUSH = 0.2;
const LOKI_LAG = 3;

/** What an instance's metrics say, compared with those of half a second before. */
const METRIC_SIGNS = {
  'no metrics': (now) => now === undefined,
  'loop late': (now) => value(now, 'nodejs_eventloop_lag_max_seconds') > LATE_LOOP,
  closes: (now, before) => grown(now, before, 'websocket_connections_closed_total') > 0,
  rejections: (now, before) => grown(now, before, 'websocket_handshakes_rejected_total') > 0,
  'store errors': (now, before) => grown(now, before, 'websocket_store_errors_total') > 0,
  'store slow': (now, before) => mean(now, before, 'websocket_store_operation_duration_seconds') > SLOW_STORE,
  'store down': (now) => now?.sum('websocket_store_up') === 0,
  'loki pushes failed': (now, before) =>
    grown(now, before, 'websocket_loki_pushes_total') > grown(now, before, 'websocket_loki_pushes_total', 'accepted'),
  'loki lag': (now) => value(now, 'websocket_loki_lag_seconds') > LOKI_LAG,
  // No fault shows in it: it is the service's own.
  'internal errors': (now) => (now?.sum('websocket_errors_total', 'type="internal"') ?? 0) > 0,
  'loki slow': (now, before) => mean(now, before, 'websocket_loki_push_duration_seconds') > SLOW_PUSH,
} as const satisfies Record<string, (now: Scrape | undefined, before: Scrape | undefined) => boolean>;

/** A line of the log is off by so much: the clock is wrong. */
const CLOCK_OFF_MS = 60_000;

/** Something that one who watches the service sees: a change of its metrics, or an event in its log. */
export type SignName = keyof typeof METRIC_SIGNS | 'log clock off' | LogEvent;

/** Watches instances as Prometheus and a reader of their log do. */
export class Signs {
  readonly #instances: readonly Instance[];
  readonly #seen: { readonly name: SignName; readonly instance: Instance; readonly at: number }[] = [];
  readonly #before = new Map<Instance, Scrape | undefined>();
  readonly #lastLines = new Map<Instance, LogLine | undefined>();
  /** Memory of an instance, at most. */
  peakMemoryBytes = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(instances: readonly Instance[]) {
    this.#instances = instances;
    this.#timer = setInterval(() => {
      for (const instance of instances) {
        this.#readLog(instance);
        void this.#look(instance);
      }
    }, POLL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /**
   * Whether one of these was there between two times, in milliseconds since the epoch.
   * @param target of the fault: if it is an instance, or its link, another one's signs are not of this fault
   */
  seen(names: readonly SignName[], target: string, from: number, to: number): boolean {
    const own = this.#instances.filter(({ name }) => target.endsWith(name));
    const watched = own.length > 0 ? own : this.#instances;
    const within = (at: number): boolean => at >= from && at <= to;
    return (
      this.#seen.some(({ name, instance, at }) => names.includes(name) && watched.includes(instance) && within(at)) ||
      watched
        .flatMap(({ processes }) => processes.flatMap(({ log }) => log))
        .some(({ event, timestamp }) => names.includes(event as LogEvent) && within(Date.parse(String(timestamp))))
    );
  }

  #readLog(instance: Instance): void {
    const line = instance.process.log.at(-1);
    if (line === this.#lastLines.get(instance)) return;
    this.#lastLines.set(instance, line);
    if (Math.abs(Date.parse(String(line?.timestamp)) - Date.now()) > CLOCK_OFF_MS)
      this.#seen.push({ name: 'log clock off', instance, at: Date.now() });
  }

  async #look(instance: Instance): Promise<void> {
    const now = await scrape(instance);
    const before = this.#before.get(instance);
    this.#before.set(instance, now);
    this.peakMemoryBytes = Math.max(this.peakMemoryBytes, value(now, MEMORY));
    for (const [name, shows] of Object.entries(METRIC_SIGNS))
      if (shows(now, before)) this.#seen.push({ name: name as SignName, instance, at: Date.now() });
  }
}

function value(scraped: Scrape | undefined, name: string): number {
  return scraped?.sum(name) ?? 0;
}

/** How much a counter grew; nothing, if one of the two is not there or the process is another one. */
function grown(now: Scrape | undefined, before: Scrape | undefined, name: string, labels = ''): number {
  return now === undefined || before === undefined ? 0 : now.sum(name, labels) - before.sum(name, labels);
}

function mean(now: Scrape | undefined, before: Scrape | undefined, name: string): number {
  return grown(now, before, `${name}_sum`) / Math.max(1, grown(now, before, `${name}_count`));
}
