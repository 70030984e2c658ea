import { figure, type Bench, type BenchOptions, type BenchResult } from './support/bench.ts';
import { openClients } from './support/clients.ts';
import { ServerProcess } from './support/server-process.ts';

/** Scrapes before the ones that count, so that their code is compiled: a pod has seen many. */
const WARMUP_SCRAPES = 100;
const SCRAPES = 20;

/** What a scrape takes from the event loop. */
export const scrape: Bench = {
  name: 'scrape',
  summary: 'event-loop time of a scrape of the metrics at 10,000 sockets (target: at most 5 ms)',
  rounds: 5,
  run: measure,
};

async function measure({ rounds, sockets }: BenchOptions): Promise<BenchResult> {
  const scrapes: number[] = [];
  const probes: number[] = [];
  const sizes: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const server = await ServerProcess.start('service', { loopProbe: true, discardLog: true });
    const { fleet } = await openClients(server.port, sockets);
    try {
      for (let warm = 0; warm < WARMUP_SCRAPES; warm += 1) await server.scrape();
      for (let count = 0; count < SCRAPES; count += 1) {
        scrapes.push(await activeMs(server, '/metrics/'));
        probes.push(await activeMs(server, '/healthz/'));
      }
      sizes.push((await server.scrape()).text.length);
    } finally {
      await fleet.end();
      await server.kill();
    }
  }
  return {
    method: `${rounds} rounds of ${SCRAPES} scrapes after ${WARMUP_SCRAPES}; time that the event loop was active from before the request to after the answer, with the asking itself (some tenths of a millisecond), at ${sockets} idle sockets`,
    figures: [
      figure('event loop, a scrape', 'ms', scrapes, { atMost: 5 }),
      figure('event loop, the same for /healthz/', 'ms', probes),
      figure('size of the answer', 'bytes', sizes),
    ],
    faults: [],
  };
}

/** How long the event loop was active over one request. */
async function activeMs(server: ServerProcess, path: string): Promise<number> {
  const from = await server.sample();
  const status = await server.status(path);
  const to = await server.sample();
  if (status !== 200) throw new Error(`${path} answered ${status}`);
  return to.activeMs - from.activeMs;
}
