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
import { DIVISION } from './support/cores.ts';
import { ServerProcess } from './support/server-process.ts';

/** Clients that keep their connections, and go on to send. */
const STAYING = 100;
const STAYING_MESSAGES_PER_SECOND = 500;
/** Before the storm, for a look at the same clients in peace. */
const PEACE_SECONDS = 5;
/** Clients beyond it are not back: the test ends. */
const MAX_SECONDS = 120;
/** Between two looks at health and readiness, each by a connection of its own, as a kubelet looks. */
const PROBE_MS = 250;
/** What the service gives a handshake (HANDSHAKE_TIMEOUT_SECONDS). */
const HANDSHAKE_MS = 10_000;

/** The service with a limit on the handshakes of a turn, which is off by default. */
const WITH_LIMIT = 'service, HANDSHAKE_TURN_SECONDS=0.1';

const CLIENTS = {
  /** Full jitter, from 0.5 s on. */
  good: 'backoff',
  bad: 'immediately',
} as const satisfies Record<string, ReconnectPolicy>;

/** What is measured with each kind of client. */
function measuresOf(clients: keyof typeof CLIENTS) {
  const named = (name: string, unit: string, more: Partial<Measure> = {}): Measure => ({
    name: `${clients} clients: ${name}`,
    unit,
    ...more,
  });
  return {
    back: named('until all are back', 's'),
    connect: named('slowest handshake', 'ms', { targets: { [LINES]: { below: HANDSHAKE_MS } } }),
    refused: named('handshakes refused or failed', ''),
    stayed: named('p99 of the reply to those that stayed', 'ms', {
      ...(clients === 'good' && { targets: { [LINES]: { below: 50 } } }),
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
  const contenders = contendersFor(options, leftOut).flatMap((each) =>
    each.name === LINES
      ? [each, { ...each, name: WITH_LIMIT, env: { ...each.env, HANDSHAKE_TURN_SECONDS: '0.1' } }]
      : [each],
  );
  const measures = { good: measuresOf('good'), bad: measuresOf('bad') };
  return {
    method: `${rounds} rounds, interleaved, each with a server of its own, ${DIVISION}; ${sockets} clients lose their connections in one moment, good ones come back by backoff with full jitter from 0.5 s, bad ones at once, after a refusal, too; ${STAYING} others stay and send ${STAYING_MESSAGES_PER_SECOND} messages/s`,
    ...(await compareInTurn(contenders, rounds, async (contender, env, comparison) => {
      const faults: string[] = [];
      for (const clients of ['good', 'bad'] as const) {
        const found = await measureOnce(contender, env, { sockets, policy: CLIENTS[clients] });
        note(comparison, contender.name, measures[clients], found);
        faults.push(...found.faults.map((fault) => `${contender.name}, ${clients} clients: ${fault}`));
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
  { sockets, policy }: { readonly sockets: number; readonly policy: ReconnectPolicy },
): Promise<Found> {
  const isService = kind === 'service';
  const limit = { MAX_CONNECTIONS: String(sockets + STAYING) };
  const server = await ServerProcess.start(kind, { env: { ...env, ...limit }, discardLog: true, ownCore: true });
  const fleets: Fleet[] = [];
  try {
    const { fleet: staying } = await openClients(server.port, STAYING, { dialect, offServerCore: true });
    fleets.push(staying);
    const { fleet: leaving } = await openClients(server.port, sockets, {
      dialect,
      // In the storm as many as there are.
      connectsAtOnce: Infinity,
      // Others keep no session over a reconnect.
      plan: { reconnect: policy, countsKept: isService, connectsPerSecond: 1000 },
      offServerCore: true,
    });
    fleets.push(leaving);
    const peace = await staying.send({ perSecond: STAYING_MESSAGES_PER_SECOND, seconds: PEACE_SECONDS });
    await staying.send({ perSecond: STAYING_MESSAGES_PER_SECOND, seconds: Infinity });
    const watch = isService ? new ProbeWatch(server) : undefined;
    await leaving.drop();
    const back = await leaving.allOpen(MAX_SECONDS);
    const { reconnects } = back.totals.counters;
    const stayed = await staying.report();
    const probes = await watch?.end();
    return {
      back: (back.times.away.max ?? NaN) / 1000,
      connect: back.times.connect.max ?? NaN,
      refused: Object.values(back.totals.errorsByKind).reduce((sum, times) => sum + times, 0),
      stayed: stayed.times.reply.p99 ?? NaN,
      late: stayed.lateMs,
      peace: peace.times.reply.p99 ?? NaN,
      failed: probes?.failed ?? NaN,
      slowest: probes?.slowestMs ?? NaN,
      // Refusals and time-outs are a figure.
      faults: [
        ...faultsOf(stayed),
        ...back.violations.map(({ kind: what, detail }) => `${what}: ${detail}`),
        ...(reconnects < sockets ? [`${reconnects} of ${sockets} came back`] : []),
      ],
    };
  } finally {
    for (const fleet of fleets) await fleet.end();
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
      for (const path of ['/healthz/', '/readyz/']) {
        const askedAt = performance.now();
        const status = await this.#server.status(path).catch(() => 0);
        if (status !== 200) this.#failed += 1;
        this.#slowestMs = Math.max(this.#slowestMs, performance.now() - askedAt);
      }
      await delay(PROBE_MS);
    }
  }
}
