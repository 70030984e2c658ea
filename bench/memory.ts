import { setTimeout as delay } from 'node:timers/promises';
import { figure, median, type Bench, type BenchOptions, type BenchResult } from './support/bench.ts';
import { FleetClient } from './support/fleet-client.ts';
import type { MemoryUse } from './support/memory-probe.ts';
import { ServerProcess } from './support/server-process.ts';

/** Sockets opened before the base is taken, so that code is compiled and pools are there. */
const WARMUP_SOCKETS = 500;
/** For log lines and the last handshakes to be done with. */
const SETTLE_MS = 1000;

/** Memory for each idle connection. */
export const memory: Bench = {
  name: 'memory',
  summary: 'resident memory for each idle connection, as a ratio to the bare ws server (target: at most 1.15)',
  rounds: 5,
  run: measure,
};

type Compared = 'service' | 'bare';

async function measure({ rounds, sockets }: BenchOptions): Promise<BenchResult> {
  const uses: Record<Compared, ConnectionMemory[]> = { service: [], bare: [] };
  for (let round = 0; round < rounds; round += 1) {
    const order: Compared[] = round % 2 === 0 ? ['service', 'bare'] : ['bare', 'service'];
    for (const kind of order) uses[kind].push(await measureOnce(kind, sockets));
  }
  const of = (kind: Compared, field: keyof ConnectionMemory): number[] => uses[kind].map((use) => use[field]);
  const ratios = uses.service.map((use, round) => use.rss / (uses.bare[round]?.rss ?? NaN));
  return {
    method: `${rounds} rounds, interleaved; growth from ${WARMUP_SOCKETS} sockets to ${WARMUP_SOCKETS + sockets}, after full collections, for each socket`,
    figures: [
      figure('service, resident', 'bytes', of('service', 'rss')),
      figure('bare ws server, resident', 'bytes', of('bare', 'rss')),
      figure('ratio, resident', '×', ratios, { atMost: 1.15 }),
      figure('service, V8 heap', 'bytes', of('service', 'heapUsed')),
      figure('bare ws server, V8 heap', 'bytes', of('bare', 'heapUsed')),
      figure('ratio of the medians, V8 heap', '×', [
        median(of('service', 'heapUsed')) / median(of('bare', 'heapUsed')),
      ]),
      figure('service, resident before the collections', 'bytes', of('service', 'uncollected')),
      figure('bare ws server, resident before the collections', 'bytes', of('bare', 'uncollected')),
      figure('service, outside of the heap', 'bytes', of('service', 'external')),
      figure('bare ws server, outside of the heap', 'bytes', of('bare', 'external')),
    ],
    faults: [],
  };
}

/** What one connection takes, in bytes. */
interface ConnectionMemory extends Pick<MemoryUse, 'rss' | 'heapUsed' | 'external'> {
  /** Resident, garbage of the handshakes included: what it is before V8 finds a reason to collect. */
  readonly uncollected: number;
}

/** What one more idle connection takes, in bytes. */
async function measureOnce(kind: Compared, sockets: number): Promise<ConnectionMemory> {
  const server = await ServerProcess.start(kind, { memoryProbe: true, env: { MAX_CONNECTIONS: String(sockets * 2) } });
  const first = new FleetClient();
  const rest = new FleetClient();
  try {
    await first.open(server.port, WARMUP_SOCKETS);
    const before = await server.memory();
    const { open } = await rest.open(server.port, sockets);
    if (open !== sockets) throw new Error(`${open} of ${sockets} sockets are open to the ${kind} server`);
    await delay(SETTLE_MS);
    const uncollected = server.residentBytes;
    const after = await server.memory();
    const each = (field: keyof MemoryUse): number => (after[field] - before[field]) / sockets;
    return {
      rss: each('rss'),
      heapUsed: each('heapUsed'),
      external: each('external'),
      uncollected: (uncollected - before.rss) / sockets,
    };
  } finally {
    await first.end();
    await rest.end();
    await server.kill();
  }
}
