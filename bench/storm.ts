import { setTimeout as delay } from 'node:timers/promises';
import type { Fleet } from '../loadtest/src/fleet.ts';
import type { ReconnectPolicy } from '../loadtest/src/plan.ts';
import type { Bench, BenchOptions, BenchResult } from './support/bench.ts';
import { faultsOf, openClients } from './support/clients.ts';
import type { Comparison, Measure } from './support/comparison.ts';
import {
  ALL_ON,
  compareInTurn,
  contendersFor,
  LINES,
  METRICS,
  WITHOUT_FAST_PATH,
  WITHOUT_LINES,
  type Contender,
} from './support/contenders.ts';
import { DIVISION, keepToQuarter } from './support/cores.ts';
import { ServerProcess } from './support/server-process.ts';

/** Clients that keep their connections, and go on to send. */
const STAYING = 100;
const STAYING_MESSAGES_PER_SECOND = 500;
/** Before the storm, for a look at the same clients in peace. */
const PEACE_SECONDS = 5;
/** Clients that are not back by then are counted as away. */
const MAX_SECONDS = 45;
/** Between two looks at health and readiness, each by a connection of its own, as a kubelet looks. */
const PROBE_MS = 250;
/** When a kubelet gives up: `timeoutSeconds` of the chart's probe of life, and of readiness. */
export const PROBE_TIMEOUTS_MS = { '/healthz/': 5000, '/readyz/': 2000 } as const;
/** What the service gives a handshake (HANDSHAKE_TIMEOUT_SECONDS). */
const HANDSHAKE_MS = 10_000;

/** A storm: what the clients do, and what the server has. */
interface Conditions {
  readonly reconnect: ReconnectPolicy;
  /** When a client gives a handshake up, and begins another one. */
  readonly connectTimeoutMs: number;
  /** The server has a quarter of its core. */
  readonly isQuarter: boolean;
}

const STORMS = {
  /** Full jitter, from 0.5 s on. */
  'good clients': { reconnect: 'backoff', connectTimeoutMs: HANDSHAKE_MS, isQuarter: false },
  'bad clients': { reconnect: 'immediately', connectTimeoutMs: HANDSHAKE_MS, isQuarter: false },
  'bad clients that wait 2 s, a quarter of a core': {
    reconnect: 'immediately',
    connectTimeoutMs: 2000,
    isQuarter: true,
  },
} as const satisfies Record<string, Conditions>;

type StormName = keyof typeof STORMS;

/** What is measured in each storm. */
function measuresOf(storm: StormName) {
  const named = (name: string, unit: string, more: Partial<Measure> = {}): Measure => ({
    name: `${storm}: ${name}`,
    unit,
    ...more,
  });
  return {
    back: named('until all are back', 's'),
    away: named(`still away after ${MAX_SECONDS} s`, '', { targets: { [LINES]: { exactly: 0 } } }),
    connect: named('slowest handshake', 'ms', { targets: { [LINES]: { below: HANDSHAKE_MS } } }),
    refused: named('handshakes refused or failed', ''),
    stayed: named('p99 of the reply to those that stayed', 'ms', {
      ...(storm === 'good clients' && { targets: { [LINES]: { below: 50 } } }),
    }),
    late: named('of it the event loop of their own process, at most', 'ms'),
    peace: named('the same before the storm', 'ms'),
    failed: named('looks at health or readiness that failed', '', { targets: { [LINES]: { exactly: 0 } } }),
    slowest: named('slowest answer about health or readiness', 'ms'),
  };
}

type Measures = ReturnType<typeof measuresOf>;

/** Many clients lose their connections in one moment, and come back. */
export const storm: Bench = {
  name: 'storm',
  summary:
    '10,000 clients lose their connections in one moment and come back, good ones (jitter) and bad ones (at once): until all are back, and what those that stayed notice',
  rounds: 3,
  run: measure,
};

async function measure(options: BenchOptions): Promise<BenchResult> {
  const { rounds, sockets } = options;
  const leftOut = [METRICS, ALL_ON, WITHOUT_LINES, WITHOUT_FAST_PATH];
  const contenders = contendersFor(options, leftOut);
  const storms = (Object.keys(STORMS) as StormName[]).map((name) => ({ name, measures: measuresOf(name) }));
  return {
    method: `${rounds} rounds, interleaved, each with a server of its own, ${DIVISION}; ${sockets} clients lose their connections in one moment, good ones come back by backoff with full jitter from 0.5 s, bad ones at once, also after a refusal; a quarter of a core is SIGSTOP and SIGCONT in turn; ${STAYING} others stay and send ${STAYING_MESSAGES_PER_SECOND} messages/s`,
    ...(await compareInTurn(contenders, rounds, async (contender, env, comparison) => {
      const faults: string[] = [];
      for (const { name, measures } of storms) {
        const found = await measureOnce(contender, env, sockets, STORMS[name]);
        note(comparison, contender.name, measures, found);
        faults.push(...found.faults.map((fault) => `${contender.name}, ${name}: ${fault}`));
      }
      return faults;
    })),
  };
}

function note(comparison: Comparison, name: string, measures: Measures, found: Found): void {
  for (const [key, measure] of Object.entries(measures)) comparison.add(name, measure, found[key as keyof Measures]);
}

/** A value of each measure, and what was wrong. */
type Found = Readonly<Record<keyof Measures, number>> & { readonly faults: readonly string[] };

async function measureOnce(
  { kind, dialect }: Contender,
  env: Readonly<Record<string, string>>,
  sockets: number,
  { reconnect, connectTimeoutMs, isQuarter }: Conditions,
): Promise<Found> {
  const isService = kind === 'service';
  const limit = { MAX_CONNECTIONS: String(sockets + STAYING) };
  const server = await ServerProcess.start(kind, { env: { ...env, ...limit }, discardLog: true, ownCore: true });
  const fleets: Fleet[] = [];
  let wholeCore = (): Promise<void> => Promise.resolve();
  try {
    const { fleet: staying } = await openClients(server.port, STAYING, { dialect, offServerCore: true });
    fleets.push(staying);
    const { fleet: leaving } = await openClients(server.port, sockets, {
      dialect,
      // In the storm as many as there are.
      connectsAtOnce: Infinity,
      // Others keep no session over a reconnect.
      plan: { reconnect, connectTimeoutMs, countsKept: isService, connectsPerSecond: 1000 },
      offServerCore: true,
    });
    fleets.push(leaving);
    const peace = await staying.send({ perSecond: STAYING_MESSAGES_PER_SECOND, seconds: PEACE_SECONDS });
    await staying.send({ perSecond: STAYING_MESSAGES_PER_SECOND, seconds: Infinity });
    const watch = isService ? new ProbeWatch(server) : undefined;
    if (isQuarter) wholeCore = keepToQuarter(server.child);
    await leaving.drop();
    const back = await leaving.allOpen(MAX_SECONDS).catch(() => leaving.report());
    const away = sockets - back.totals.open;
    const stayed = await staying.report();
    await wholeCore();
    const probes = await watch?.end();
    return {
      back: away > 0 ? NaN : (back.times.away.max ?? NaN) / 1000,
      away,
      connect: back.times.connect.max ?? NaN,
      refused: Object.values(back.totals.errorsByKind).reduce((sum, times) => sum + times, 0),
      stayed: stayed.times.reply.p99 ?? NaN,
      late: stayed.lateMs,
      peace: peace.times.reply.p99 ?? NaN,
      failed: probes?.failed ?? NaN,
      slowest: probes?.slowestMs ?? NaN,
      // Refusals and time-outs are a figure.
      faults: [...faultsOf(stayed), ...back.violations.map(({ kind: what, detail }) => `${what}: ${detail}`)],
    };
  } finally {
    for (const fleet of fleets) await fleet.end();
    await wholeCore();
    await server.kill();
  }
}

/** Looks at health and readiness, as a kubelet does. */
class ProbeWatch {
  readonly #server: ServerProcess;
  readonly #looking: Promise<void>;
  #over = false;
  #failed = 0;
  #slowestMs = 0;

  constructor(server: ServerProcess) {
    this.#server = server;
    this.#looking = this.#look();
  }

  async end(): Promise<{ readonly failed: number; readonly slowestMs: number }> {
    this.#over = true;
    await this.#looking;
    return { failed: this.#failed, slowestMs: this.#slowestMs };
  }

  async #look(): Promise<void> {
    while (!this.#over) {
      for (const [path, timeoutMs] of Object.entries(PROBE_TIMEOUTS_MS)) {
        const askedAt = performance.now();
        const status = await this.#server.status(path).catch(() => 0);
        const ms = performance.now() - askedAt;
        if (status !== 200 || ms > timeoutMs) this.#failed += 1;
        this.#slowestMs = Math.max(this.#slowestMs, ms);
      }
      await delay(PROBE_MS);
    }
  }
}
