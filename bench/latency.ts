import { setTimeout as delay } from 'node:timers/promises';
import { median, type Bench, type BenchOptions, type BenchResult, type Target } from './support/bench.ts';
import type { FleetReport } from '../loadtest/src/fleet.ts';
import { faultsOf, saturate } from './support/clients.ts';
import type { Comparison, Measure } from './support/comparison.ts';
import {
  ALL_ON,
  compareInWindows,
  contendersFor,
  ELSEWHERE,
  WITHOUT_LINES,
  type Contender,
  type Trial,
} from './support/contenders.ts';
import { DIVISION } from './support/cores.ts';
import { utilization } from './support/loop-sample.ts';
import { startRig, type Rig } from './support/rig.ts';

const SOCKETS = 500;
const WARMUP_SECONDS = 3;
/** After the warm-up, for what it left to do: lines that wait for Loki are as many as it takes in some seconds. */
const SETTLE_MS = 3000;
/** After each window, for the last lines to be shipped. */
const REST_MS = 700;
/** A server that is warm does so much more at least than in its warm-up. */
const WARMING = 1.2;
/**
 * Each rate is sent for so long, so often, and the median counts. One window of seven has a stall of the machine of 10 ms or more:
 * with three windows, every eighteenth median is one of those.
 */
const SECONDS = 2;
const WINDOWS = 5;
/** For a look, of one round. */
const QUICK_WINDOWS = 1;
/** Rates, as shares of what the bare server can do at most, and what is measured at each. */
const LOADS = [0.1, 0.5, 0.8].map((share) => ({
  share,
  quantiles: [
    ['p50', reply('p50', share)],
    ['p99', reply('p99', share, share === 0.5 ? { [ALL_ON]: { atMost: 1.25 } } : {})],
    ['p99.9', reply('p99.9', share)],
  ] as const,
  busy: { name: `server, share of time active at ${share * 100} % load`, unit: '' } satisfies Measure,
}));

/** How late a reply is at fixed rates. */
export const latency: Bench = {
  name: 'latency',
  summary:
    "p50, p99, p99.9 of the reply at 10 %, 50 % and 80 % of the bare server's best, as ratios to the bare ws server",
  rounds: 5,
  run: measure,
};

async function measure(options: BenchOptions): Promise<BenchResult> {
  const { rounds } = options;
  const best = await bestOfBare(Math.min(rounds, 3));
  const windows = rounds === 1 ? QUICK_WINDOWS : WINDOWS;
  const contenders = [...contendersFor(options, [WITHOUT_LINES]), ELSEWHERE];
  return {
    method: `${rounds} rounds, interleaved, each with a server of its own, ${DIVISION}; ${SOCKETS} sockets, shares of ${Math.round(best)} messages/s, each ${windows} times for ${SECONDS} s in turn with the others, of which the median counts, after ${WARMUP_SECONDS} s as fast as it goes and ${SETTLE_MS / 1000} s of rest; from when a message was due to its reply; none where the rate is more than a server can do`,
    ...(await compareInWindows(contenders, { rounds, windows }, (contender, env, comparison) =>
      begin(contender, env, best, comparison),
    )),
  };
}

/** Messages a second that the bare server answers as fast as it goes: the median of some tries. */
async function bestOfBare(tries: number): Promise<number> {
  const rates: number[] = [];
  for (let attempt = 0; attempt < tries; attempt += 1) {
    const rig = await startRig({ kind: 'bare', env: {}, dialect: 'plain', sockets: SOCKETS });
    try {
      await rateOf(rig);
      rates.push(await rateOf(rig));
    } finally {
      await rig.end();
    }
  }
  return median(rates);
}

async function begin(
  { name, kind, dialect }: Contender,
  env: Readonly<Record<string, string>>,
  best: number,
  comparison: Comparison,
): Promise<Trial> {
  const rig = await startRig({ kind, env, dialect, sockets: SOCKETS });
  const { server, fleet } = rig;
  const warm = await rateOf(rig);
  await delay(SETTLE_MS);
  // Beyond what a server can do, what waits only grows: its latency is the length of the measurement.
  const most = warm * WARMING;
  const loads = LOADS.map((load) => ({ load, rate: Math.round(best * load.share), windows: [] as Window[] })).filter(
    ({ rate }) => rate <= most,
  );
  return {
    window: async () => {
      for (const { rate, windows } of loads) {
        const from = await server.sample();
        await fleet.report();
        const report = await fleet.send({ perSecond: rate, seconds: SECONDS });
        windows.push({ report, busy: utilization(from, await server.sample()) });
        await delay(REST_MS);
      }
    },
    result: () => {
      for (const { load, windows } of loads) {
        for (const [quantile, measured] of load.quantiles)
          comparison.add(name, measured, median(windows.map(({ report }) => report.times.reply[quantile] ?? NaN)));
        comparison.add(name, load.busy, median(windows.map(({ busy }) => busy)));
      }
      return loads.flatMap(({ windows }) => windows.flatMap(({ report }) => faultsOf(report)));
    },
    end: () => rig.end(),
  };
}

/** What one rate brought once. */
interface Window {
  readonly report: FleetReport;
  /** Share of the time that the server's event loop was active. */
  readonly busy: number;
}

/** Messages a second, as fast as it goes. */
async function rateOf({ fleet }: Rig): Promise<number> {
  const { messages, report } = await saturate(fleet, WARMUP_SECONDS);
  return messages / report.seconds;
}

function reply(quantile: string, share: number, ratioTargets: Readonly<Record<string, Target>> = {}): Measure {
  return { name: `${quantile} of the reply at ${share * 100} % load`, unit: 'ms', ratioTargets };
}
