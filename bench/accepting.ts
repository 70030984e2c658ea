import { setTimeout as delay } from 'node:timers/promises';
import type { Bench, BenchOptions, BenchResult } from './support/bench.ts';
import { openClients } from './support/clients.ts';
import type { Comparison, Measure } from './support/comparison.ts';
import {
  ALL_ON,
  compareInWindows,
  contendersFor,
  WITHOUT_FAST_PATH,
  WITHOUT_LINES,
  type Contender,
  type Trial,
} from './support/contenders.ts';
import { DIVISION } from './support/cores.ts';
import { utilization } from './support/loop-sample.ts';
import { ServerProcess } from './support/server-process.ts';

/** Opened and cut before, so often that the code of a handshake is compiled. */
const WARMUPS = 6;
const SOCKETS = 4000;
/** No more warm-ups are started after this long: some servers are slow, and have nothing to compile. */
const MAX_WARMUP_MS = 20_000;
/** For the server, and Loki, to be done with those. */
const SETTLE_MS = 1000;
const WINDOWS = 3;
/** Handshakes in progress at once: enough that the server always has the next. */
const IN_FLIGHT = 200;

/** The clients, on `ws`, may be slower than the server: what it takes of the server's time tells what it could accept. */
const ACCEPTED: Measure = {
  name: 'connections accepted a second of event-loop time',
  unit: '/s',
  ratioTargets: { [ALL_ON]: { atLeast: 0.75 } },
};
const CPU: Measure = { name: 'CPU time of the process a connection', unit: 'µs' };
const RATE: Measure = { name: 'connections accepted, as fast as the clients open them', unit: '/s' };
const SERVER_BUSY: Measure = { name: 'server, share of time active while accepting', unit: '' };

/** How fast connections are accepted. */
export const accepting: Bench = {
  name: 'accepting',
  summary: 'connections accepted a second, as a ratio to the bare ws server (target: at least 0.75)',
  rounds: 5,
  run: measure,
};

async function measure(options: BenchOptions): Promise<BenchResult> {
  const { rounds } = options;
  const contenders = contendersFor(options, [WITHOUT_LINES, WITHOUT_FAST_PATH]);
  return {
    method: `${rounds} rounds, interleaved, each with a server of its own, ${DIVISION}; ${WINDOWS} times ${SOCKETS} sockets in turn with the others, ${IN_FLIGHT} handshakes in progress at once, after up to ${WARMUPS} times as many`,
    ...(await compareInWindows(contenders, { rounds, windows: WINDOWS }, begin)),
  };
}

async function begin(
  { name, kind, dialect }: Contender,
  env: Readonly<Record<string, string>>,
  comparison: Comparison,
): Promise<Trial> {
  const server = await ServerProcess.start(kind, { env, loopProbe: true, discardLog: true, ownCore: true });
  const open = (): ReturnType<typeof openClients> =>
    openClients(server.port, SOCKETS, { dialect, connectsAtOnce: IN_FLIGHT, offServerCore: true });
  const startedAt = performance.now();
  for (let times = 0; times < WARMUPS && performance.now() - startedAt < MAX_WARMUP_MS; times += 1)
    await (await open()).fleet.end();
  const sums = { opened: 0, ms: 0, activeMs: 0, cpuMicros: 0, busy: 0 };
  return {
    window: async () => {
      await delay(SETTLE_MS);
      const from = await server.sample();
      const { fleet, opened } = await open();
      const to = await server.sample();
      await fleet.end();
      sums.ms += opened.totals.lastFirstOpenMs;
      sums.opened += SOCKETS;
      sums.activeMs += to.activeMs - from.activeMs;
      sums.cpuMicros += to.cpuMicros - from.cpuMicros;
      sums.busy += utilization(from, to);
    },
    result: () => {
      comparison.add(name, ACCEPTED, (sums.opened * 1000) / sums.activeMs);
      comparison.add(name, CPU, sums.cpuMicros / sums.opened);
      comparison.add(name, RATE, (sums.opened * 1000) / sums.ms);
      comparison.add(name, SERVER_BUSY, sums.busy / WINDOWS);
      return [];
    },
    end: () => server.kill(),
  };
}
