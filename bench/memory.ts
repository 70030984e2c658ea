import { setTimeout as delay } from 'node:timers/promises';
import type { Fleet } from '../loadtest/src/fleet.ts';
import type { Bench, BenchOptions, BenchResult } from './support/bench.ts';
import { openClients } from './support/clients.ts';
import type { Measure } from './support/comparison.ts';
import {
  ALL_ON,
  compareInTurn,
  contendersFor,
  LINES,
  WITHOUT_FAST_PATH,
  WITHOUT_LINES,
  type Contender,
} from './support/contenders.ts';
import type { MemoryUse } from './support/memory-probe.ts';
import { ServerProcess } from './support/server-process.ts';

/**
 * Sockets opened before the base is taken, and the messages that they send, so that code is compiled and pools are there.
 * After 500, the service still grew by 8 MB once, a fifth of the figure, and the bare server by 2 (2026-11-27).
 */
const WARMUP_SOCKETS = 4000;
const WARMUP = { perSecond: 1000, seconds: 10 };
/** For log lines and the last handshakes to be done with. */
const SETTLE_MS = 1000;

/** Memory for each idle connection. */
export const memory: Bench = {
  name: 'memory',
  summary: 'resident memory for each idle connection, as a ratio to the bare ws server (target: at most 1.15)',
  rounds: 5,
  run: measure,
};

const RESIDENT: Measure = {
  name: 'resident memory a connection',
  unit: 'bytes',
  ratioTargets: { [ALL_ON]: { atMost: 1.15 } },
};
const UNCOLLECTED: Measure = { name: 'resident before the collections, a connection', unit: 'bytes' };
const HEAP: Measure = { name: 'V8 heap a connection', unit: 'bytes' };
const EXTERNAL: Measure = { name: 'outside of the heap, a connection', unit: 'bytes' };

async function measure(options: BenchOptions): Promise<BenchResult> {
  const { rounds, sockets } = options;
  // An idle connection is the same with and without lines, or a fast path.
  const contenders = contendersFor(options, [LINES, WITHOUT_LINES, WITHOUT_FAST_PATH]);
  return {
    method: `${rounds} rounds, interleaved; growth from ${WARMUP_SOCKETS} sockets, after ${WARMUP.perSecond * WARMUP.seconds} messages, to ${WARMUP_SOCKETS + sockets}, after full collections where it can be asked for them, for each socket`,
    ...(await compareInTurn(contenders, rounds, async (contender, env, comparison) => {
      const use = await measureOnce(contender, env, sockets);
      comparison.add(contender.name, RESIDENT, use.rss);
      comparison.add(contender.name, UNCOLLECTED, use.uncollected);
      comparison.add(contender.name, HEAP, use.heapUsed);
      comparison.add(contender.name, EXTERNAL, use.external);
      return [];
    })),
  };
}

/** What one connection takes, in bytes. */
interface ConnectionMemory extends Pick<MemoryUse, 'rss' | 'heapUsed' | 'external'> {
  /** Resident, garbage of the handshakes included: what it is before V8 finds a reason to collect. */
  readonly uncollected: number;
}

/** What one more idle connection takes, in bytes. */
async function measureOnce(
  { kind, dialect }: Contender,
  env: Readonly<Record<string, string>>,
  sockets: number,
): Promise<ConnectionMemory> {
  const server = await ServerProcess.start(kind, {
    memoryProbe: true,
    discardLog: true,
    env: { ...env, MAX_CONNECTIONS: String(sockets + WARMUP_SOCKETS) },
  });
  const fleets: Fleet[] = [];
  try {
    const { fleet } = await openClients(server.port, WARMUP_SOCKETS, { dialect });
    fleets.push(fleet);
    await fleet.send(WARMUP);
    const before = await server.memory();
    fleets.push((await openClients(server.port, sockets, { dialect })).fleet);
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
    for (const fleet of fleets) await fleet.end();
    await server.kill();
  }
}
