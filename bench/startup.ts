import { setTimeout as delay } from 'node:timers/promises';
import type { Bench, BenchOptions, BenchResult } from './support/bench.ts';
import type { Measure } from './support/comparison.ts';
import {
  ALL_ON,
  compareInTurn,
  contendersFor,
  LINES,
  METRICS,
  WITHOUT_FAST_PATH,
  WITHOUT_LINES,
} from './support/contenders.ts';
import { ServerProcess, type ServerKind } from './support/server-process.ts';

/** From the spawn of the process to the first 200 at `/readyz/`. */
export const startup: Bench = {
  name: 'startup',
  summary:
    'time from spawning the built service to its first 200 at /readyz/ (target: under 0.5 s), beside the bare server',
  rounds: 10,
  run: measure,
};

const READY: Measure = {
  name: 'time to ready',
  unit: 's',
  targets: { [ALL_ON]: { below: 0.5 }, [LINES]: { below: 0.5 } },
};

async function measure(options: BenchOptions): Promise<BenchResult> {
  const { rounds } = options;
  const contenders = contendersFor(options, [METRICS, WITHOUT_LINES, WITHOUT_FAST_PATH]);
  const started = new Set<string>();
  return {
    method: `${rounds} starts each, interleaved; from the spawn of the process to the first 200 at /readyz/`,
    ...(await compareInTurn(contenders, rounds, async ({ name, kind }, env, comparison) => {
      // The first start finds its files outside of the page cache: a figure of the disk, not of the program.
      if (!started.has(name)) await timeStart(kind, env);
      started.add(name);
      comparison.add(name, READY, await timeStart(kind, env));
      return [];
    })),
  };
}

/** The port is a free one, told by the first lines of the log: so asking begins once the server listens. */
async function timeStart(kind: ServerKind, env: Readonly<Record<string, string>>): Promise<number> {
  const server = await ServerProcess.start(kind, { env });
  // Centrifugo takes its health paths without a slash at their end, and no other.
  const path = kind === 'centrifugo' ? '/readyz' : '/readyz/';
  while ((await server.status(path)) !== 200) await delay(1);
  const seconds = (performance.now() - server.spawnedAt) / 1000;
  await server.kill();
  return seconds;
}
