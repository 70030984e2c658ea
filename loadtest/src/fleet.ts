/**
 * The load test as a library: a fleet of clients in processes of their own, told what to do and asked what they saw.
 *
 *     const fleet = await Fleet.start('ws://127.0.0.1:8080', { clients: 300, sendsPerSecond: 1, breaks: true });
 *     await fleet.allOpen(30);
 *     const { breaks, violations, times } = await fleet.report(); // since the last report
 *     const { totals } = await fleet.stop(); // waits for replies, closes with 1000, ends the processes
 *
 * Each client is a session over as many connections as it takes. It sends on schedule (open loop), checks each count
 * that it receives, waits after a bye or a refusal as long as it is asked to, backs off after any other loss and comes
 * back with its session. For a benchmark it sends nothing by itself, and is told when:
 *
 *     const options = { clients: 1000, sendsPerSecond: 0, connectsAtOnce: 100, reconnect: 'never' } as const;
 *     const fleet = await Fleet.start(url, options);
 *     const opened = await fleet.allOpen(30); // opened.times.connect.p99
 *     const sent = await fleet.send({ perSecond: 5000, seconds: 10 }); // open loop; returns after the last replies
 *     // Each sends its next message when its last is answered:
 *     const most = await fleet.send({ perSecond: Infinity, seconds: 5 });
 *     void fleet.send({ perSecond: 1000, seconds: Infinity }); // goes on
 *     const drained = await fleet.allClosed(30); // drained.totals.closesByCode, .counters.byes, .closeSpanMs
 *     await fleet.drop(); // cuts every connection
 *     await fleet.stop();
 *
 * `send` may be given `senders`: so many of the clients send, the others stay silent. `fleet.pids` are its processes. A
 * server with another protocol is spoken to by a {@link Dialect}: `{ dialect: new URL('my-dialect.ts',
 * import.meta.url).href }`.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isRunning } from '../../lib/is-running.ts';
import type { Done, Load, Order, Sums, WorkerReport } from './messages.ts';
import type { Plan } from './plan.ts';
import { quantilesOf, TimeHistograms, type Quantiles } from './quantiles.ts';
import { addByKey, zeroCounters, type Break, type TimeName, type Violation } from './tally.ts';
import { parseTarget } from './target.ts';

/** What a fleet is made of: a part of a {@link Plan}. */
export type FleetOptions = Partial<Omit<Plan, 'endpoint' | 'path' | 'drops' | 'durationMs'>> & {
  /** Certificates in PEM format, trusted beside those of Node.js. */
  readonly ca?: string;
};

const DEFAULTS = {
  headers: {},
  clients: 100,
  connectsPerSecond: 500,
  connectsAtOnce: Infinity,
  sendsPerSecond: 1,
  sendSteps: [{ fromMs: 0, times: 1 }],
  messageBytes: 16,
  durationMs: Infinity,
  reconnect: 'backoff',
  backoff: { baseMs: 500, maxMs: 30_000 },
  connectTimeoutMs: 10_000,
  replyTimeoutMs: 10_000,
  countsKept: true,
  breaks: false,
  groups: [],
  drops: [],
  localAddresses: [],
  moreLocalAddresses: false,
  processes: 1,
  dialect: undefined,
} as const satisfies Partial<Plan>;

/** What all processes saw since the start. */
export interface Totals extends Sums {
  /** When the last client was connected for the first time, in milliseconds since the start. */
  readonly lastFirstOpenMs: number;
  /** From the first close to the last, in milliseconds. */
  readonly closeSpanMs: number;
  /** How late the event loops were, that of the process with the largest value. */
  readonly loopDelay: Quantiles;
}

/** What a fleet saw. */
export interface FleetReport {
  readonly totals: Totals;
  /** Since the last report, as all below. */
  readonly times: Readonly<Record<TimeName, Quantiles>>;
  readonly violations: readonly Violation[];
  /** Connections that were lost; those of clients that are back or gave up. Empty without the option `breaks`. */
  readonly breaks: readonly Break[];
  /** Share of a second in which a process was busy, at most. */
  readonly busy: number;
  /** How late the event loop of a process was, at most: what it saw of time is no better than that. Milliseconds. */
  readonly lateMs: number;
  readonly seconds: number;
}

/** A process of a fleet ended, or failed. */
export class WorkerLostError extends Error {
  override readonly name = 'WorkerLostError';
}

/** Time from the order to start to the start, in milliseconds: every worker has to have the order by then. */
const LEAD_MS = 100;
/** Time between two looks at the clients, in milliseconds. */
const POLL_MS = 100;
/** Processes that collect garbage often would measure their own pauses. */
const EXEC_ARGV = [...process.execArgv, '--max-semi-space-size=64'];

/** Clients in processes of their own, not threads: each process has its own limit on open files. */
export class Fleet {
  readonly plan: Plan;
  readonly #workers: readonly ChildProcess[];
  readonly #onReport: ((report: WorkerReport) => void) | undefined;
  readonly #lost: Promise<never>;
  readonly #ready: Promise<unknown>;
  readonly #latest = new Map<number, WorkerReport>();
  readonly #histograms = new TimeHistograms();
  #since = nothing();
  #orders = 0;
  #over = false;

  /**
   * Starts the processes. They wait for {@link begin}.
   * @param onReport receives each report of a process; its times are then not in those of the fleet
   */
  constructor(plan: Plan, onReport?: (report: WorkerReport) => void) {
    this.plan = plan;
    this.#onReport = onReport;
    // The same file in the sources and in dist/, where it ends in .js.
    const path = fileURLToPath(import.meta.resolve(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js'));
    this.#workers = Array.from({ length: plan.processes }, () =>
      fork(path, { serialization: 'advanced', execArgv: EXEC_ARGV }),
    );
    for (const worker of this.#workers) {
      worker.setMaxListeners(0);
      worker.on('message', (message: Done | WorkerReport) => {
        if ('worker' in message) this.#add(message);
      });
    }
    this.#ready = Promise.all(this.#workers.map((worker) => done(worker, 0)));
    this.#lost = Promise.race(this.#workers.map((worker, index) => this.#loss(worker, index)));
    this.#lost.catch(() => undefined);
  }

  /**
   * Starts clients of a service.
   * @param url `ws://` or `wss://`, with the service's path if it has none
   */
  static async start(url: string, { ca, ...options }: FleetOptions = {}): Promise<Fleet> {
    const { secure, hostname, port, host, path } = parseTarget(url);
    const endpoint = { secure, address: hostname, port, host, verifyCertificate: true, ca };
    const fleet = new Fleet({ ...DEFAULTS, ...options, endpoint, path });
    await fleet.begin();
    return fleet;
  }

  /** Process ids. */
  get pids(): readonly number[] {
    return this.#workers.flatMap(({ pid }) => pid ?? []);
  }

  /**
   * Starts the clients.
   * @returns when they start, in milliseconds since the epoch
   * @throws {WorkerLostError}
   */
  async begin(): Promise<number> {
    await this.unlessLost(this.#ready);
    const startAt = Date.now() + LEAD_MS;
    await this.#order((worker) => ({ order: 'start', plan: this.plan, worker, startAt }));
    return startAt;
  }

  /** What the clients have seen, now. */
  async report(): Promise<FleetReport> {
    await this.#order(() => ({ order: 'report' }));
    return this.#report();
  }

  /** Waits until every client is connected. @throws {Error} if they are not in time */
  allOpen(seconds: number): Promise<FleetReport> {
    return this.#until('connected', this.plan.clients, seconds);
  }

  /** Waits until no client is connected. @throws {Error} if they are in spite of that */
  allClosed(seconds: number): Promise<FleetReport> {
    return this.#until('connected', 0, seconds);
  }

  /** Sends from now on at another rate, and waits for the replies. @throws {WorkerLostError} */
  async send({
    perSecond,
    seconds,
    senders = this.plan.clients,
  }: Partial<Load> & Omit<Load, 'senders'>): Promise<FleetReport> {
    await this.#order(() => ({ order: 'send', load: { perSecond, seconds, senders } }));
    return this.#report();
  }

  /** Cuts the connections of a share of the clients, without a close frame. */
  async drop(share = 1): Promise<void> {
    await this.#order(() => ({ order: 'drop', share }));
  }

  /** Ends the run in order: waits for replies, and closes the connections. @throws {WorkerLostError} */
  async finish(): Promise<void> {
    await this.#order(() => ({ order: 'finish' }));
  }

  /** Finishes, and ends the processes. */
  async stop(): Promise<FleetReport> {
    try {
      if (!this.#over) await this.finish();
      return this.#report();
    } finally {
      await this.end();
    }
  }

  /** Ends the processes, whatever they do, and waits until they have ended. */
  async end(): Promise<void> {
    this.#over = true;
    const living = this.#workers.filter(isRunning);
    const ended = living.map((worker) => once(worker, 'exit'));
    for (const worker of living) worker.kill('SIGKILL');
    await Promise.all(ended);
  }

  /** Waits, unless a process is lost first. @throws {WorkerLostError} */
  async unlessLost<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#lost]);
  }

  /** Sums as of the last reports of the processes, which come once a second. */
  totals(): Totals {
    const reports = [...this.#latest.values()];
    const closes = reports.flatMap(({ closesAt = [] }) => closesAt);
    return {
      ...reports.map(({ sums }) => sums).reduce(addUp, NO_SUMS),
      lastFirstOpenMs: Math.max(0, ...reports.map(({ lastFirstOpenMs }) => lastFirstOpenMs)),
      closeSpanMs: closes.length === 0 ? 0 : Math.max(...closes) - Math.min(...closes),
      loopDelay: quantilesOf(reports.length, (_percent, name) =>
        Math.max(...reports.map(({ loopDelay }) => loopDelay[name] ?? 0)),
      ),
    };
  }

  #add(report: WorkerReport): void {
    this.#latest.set(report.worker, report);
    if (this.#onReport === undefined) this.#histograms.record(report.times);
    this.#since.violations.push(...report.violations);
    this.#since.breaks.push(...report.breaks);
    this.#since.busy = Math.max(this.#since.busy, report.busy);
    this.#since.lateMs = Math.max(this.#since.lateMs, report.lateMs);
    this.#onReport?.(report);
  }

  #report(): FleetReport {
    const { beganAt, ...since } = this.#since;
    const times = this.#histograms.quantiles;
    this.#histograms.reset();
    this.#since = nothing();
    return { totals: this.totals(), times, ...since, seconds: (performance.now() - beganAt) / 1000 };
  }

  async #until(what: string, wanted: number, seconds: number): Promise<FleetReport> {
    const deadline = performance.now() + seconds * 1000;
    for (;;) {
      await this.#order(() => ({ order: 'report' }));
      const { open, errorsByKind } = this.totals();
      if (open === wanted) return this.#report();
      if (performance.now() >= deadline)
        throw new Error(
          `after ${seconds} s ${open} of ${this.plan.clients} clients are ${what}, not ${wanted}; errors: ${JSON.stringify(errorsByKind)}`,
        );
      await delay(POLL_MS);
    }
  }

  async #order(make: (worker: number) => WithoutId<Order>): Promise<void> {
    const id = (this.#orders += 1);
    const answers = this.#workers.map((worker, index) => {
      const answer = done(worker, id);
      // A process that is gone is noticed by its exit.
      worker.send({ ...make(index), id }, () => undefined);
      return answer;
    });
    await this.unlessLost(Promise.all(answers));
  }

  #loss(worker: ChildProcess, index: number): Promise<never> {
    return new Promise((_resolve, reject) => {
      worker.once('exit', (code, signal) => {
        if (this.#over) return;
        const how = signal === null ? `status ${code}` : `signal ${signal}`;
        reject(new WorkerLostError(`Process ${index + 1} of the load test's own ended with ${how}; the run is void.`));
      });
    });
  }
}

const NO_SUMS: Sums = {
  ...{ counters: zeroCounters(), errorsByKind: {}, closesByCode: {}, violationsByKind: {} },
  ...{ open: 0, away: 0, everOpen: 0, uncertain: 0, leftAway: 0, cpuSeconds: 0 },
};

type Addend = number | Readonly<Record<string, number>>;

/** Adds up numbers, and objects of numbers. */
function addUp(a: Sums, b: Sums): Sums {
  const sums = Object.entries(b).map(([key, value]: [string, Addend]): [string, Addend] => {
    const before = a[key as keyof Sums] as typeof value;
    return [
      key,
      typeof value === 'number' ? value + Number(before) : addByKey(before as Record<string, number>, value),
    ];
  });
  return Object.fromEntries(sums) as unknown as Sums;
}

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;

interface Since {
  readonly beganAt: number;
  readonly violations: Violation[];
  readonly breaks: Break[];
  busy: number;
  lateMs: number;
}

function nothing(): Since {
  return { beganAt: performance.now(), violations: [], breaks: [], busy: 0, lateMs: 0 };
}

/** Waits for the answer to an order. */
function done(worker: ChildProcess, id: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const listen = (message: Done | WorkerReport): void => {
      if (!('done' in message) || message.done !== id) return;
      worker.off('message', listen);
      if (message.problem === undefined) resolve();
      else reject(new WorkerLostError(`A process of the load test failed: ${message.problem}`));
    };
    worker.on('message', listen);
  });
}
