import { setTimeout as delay } from 'node:timers/promises';
import { figure, median, type Bench, type BenchOptions, type BenchResult } from './support/bench.ts';
import { ServerProcess } from './support/server-process.ts';

/** From the spawn of the process to the first 200 at `/readyz/`. */
export const startup: Bench = {
  name: 'startup',
  summary:
    'time from spawning the built service to its first 200 at /readyz/ (target: under 0.5 s), beside the bare server',
  rounds: 10,
  run: measure,
};

type Compared = 'service' | 'bare';

async function measure({ rounds }: BenchOptions): Promise<BenchResult> {
  const seconds: Record<Compared, number[]> = { service: [], bare: [] };
  // The first start of each finds its files outside of the page cache: a figure of the disk, not of the program.
  await timeStart('service');
  await timeStart('bare');
  for (let round = 0; round < rounds; round += 1) {
    const order: Compared[] = round % 2 === 0 ? ['service', 'bare'] : ['bare', 'service'];
    for (const kind of order) seconds[kind].push(await timeStart(kind));
  }
  return {
    method: `${rounds} starts each, interleaved; median and spread`,
    figures: [
      figure('service, to the first 200 at /readyz/', 's', seconds.service, { below: 0.5 }),
      figure('bare ws server', 's', seconds.bare),
      figure('ratio of the medians', '×', [median(seconds.service) / median(seconds.bare)]),
    ],
    faults: [],
  };
}

/** The port is a free one, told by the first lines of the log: so asking begins once the server listens. */
async function timeStart(kind: Compared): Promise<number> {
  const server = await ServerProcess.start(kind);
  while ((await server.status('/readyz/')) !== 200) await delay(1);
  const seconds = (performance.now() - server.spawnedAt) / 1000;
  await server.kill();
  return seconds;
}
