import { setTimeout as delay } from 'node:timers/promises';
import type { Bench, BenchOptions, BenchResult } from './support/bench.ts';
import type { Comparison, Measure } from './support/comparison.ts';
import {
  ALL_ON,
  compareInWindows,
  CONTENDERS,
  WITHOUT_LINES,
  type Contender,
  type Trial,
} from './support/contenders.ts';
import { DIVISION } from './support/cores.ts';
import { utilization } from './support/loop-sample.ts';
import { Rig } from './support/rig.ts';

/** Opened and cut before, so often that the code of a handshake is compiled: the rate rises for 30,000 of them. */
const WARMUPS = 6;
const WARMUP_SOCKETS = 6000;
/** No more warm-ups are begun after this long: some servers are slow, and have nothing to compile. */
const MAX_WARMUP_SECONDS = 8;
/** For the server, and Loki, to be done with those. */
const SETTLE_MS = 1000;
/** Opened in half a second, so often in a round; of a slow server, what it accepts in two seconds. */
const MAX_SOCKETS = 4000;
const WINDOWS = 4;
/** Handshakes under way at once: enough that the server always has the next. */
const IN_FLIGHT = 200;

const ACCEPTED: Measure = {
  name: 'connections accepted',
  unit: '/s',
  ratioTargets: { [ALL_ON]: { atLeast: 0.85 } },
};
/** What a pod does that has just started: no target, since it is measured for what the one above leaves out. */
const FIRST: Measure = { name: `connections accepted, the first ${WARMUP_SOCKETS} of a process`, unit: '/s' };
const LOOP: Measure = { name: 'event loop active a connection', unit: 'µs' };
const SERVER_BUSY: Measure = { name: 'server, share of time active while accepting', unit: '' };

/** How fast connections are accepted. */
export const accepting: Bench = {
  name: 'accepting',
  summary: 'connections accepted a second, as a ratio to the bare ws server (target: at least 0.85)',
  rounds: 5,
  run: measure,
};

async function measure({ rounds }: BenchOptions): Promise<BenchResult> {
  const contenders = CONTENDERS.filter(({ name }) => name !== WITHOUT_LINES);
  return {
    method: `${rounds} rounds, interleaved, each with a server of its own, ${DIVISION}; ${WINDOWS} times ${MAX_SOCKETS} sockets, or what a slow one accepts in two seconds, in turn with the others, ${IN_FLIGHT} handshakes under way at once, after ${WARMUPS} times ${WARMUP_SOCKETS}`,
    ...(await compareInWindows(contenders, { rounds, windows: WINDOWS }, begin)),
  };
}

async function begin(
  { name, kind, dialect }: Contender,
  env: Readonly<Record<string, string>>,
  comparison: Comparison,
): Promise<Trial> {
  const { rig, found: first } = await Rig.start(kind, env, (starting) => warmUp(starting, dialect));
  const { server, fleet } = rig;
  comparison.add(name, FIRST, first);
  const sockets = Math.min(MAX_SOCKETS, Math.ceil(first * 2));
  const sums = { opened: 0, seconds: 0, activeMs: 0, busy: 0 };
  const faults: string[] = [];
  return {
    window: async () => {
      const from = await server.sample();
      const report = await fleet.open(server.port, sockets, { dialect, inFlight: IN_FLIGHT });
      const to = await server.sample();
      faults.push(...report.faults);
      if (report.open !== sockets) faults.push(`${name} accepted ${report.open} of ${sockets} connections`);
      sums.opened += report.open;
      sums.seconds += report.seconds;
      sums.activeMs += to.activeMs - from.activeMs;
      sums.busy += utilization(from, to);
      await fleet.order({ do: 'cut' });
      await delay(SETTLE_MS);
    },
    result: () => {
      comparison.add(name, ACCEPTED, sums.opened / sums.seconds);
      comparison.add(name, LOOP, (sums.activeMs * 1000) / sums.opened);
      comparison.add(name, SERVER_BUSY, sums.busy / WINDOWS);
      return faults;
    },
    end: () => rig.end(),
  };
}

/** @returns connections a second that the server accepted first */
async function warmUp({ server, fleet }: Rig, dialect: Contender['dialect']): Promise<number> {
  const startedAt = performance.now();
  let first = NaN;
  for (let times = 0; times < WARMUPS && performance.now() - startedAt < MAX_WARMUP_SECONDS * 1000; times += 1) {
    const { open, seconds } = await fleet.open(server.port, WARMUP_SOCKETS, { dialect, inFlight: IN_FLIGHT });
    if (times === 0) first = open / seconds;
    await fleet.order({ do: 'cut' });
    await delay(SETTLE_MS);
  }
  return first;
}
