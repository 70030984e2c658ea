import type { Fleet } from '../loadtest/src/fleet.ts';
import { Loki, NO_LOKI } from '../testkit/loki.ts';
import { figure, type Bench, type BenchOptions, type BenchResult } from './support/bench.ts';
import { faultsOf, openClients, saturate } from './support/clients.ts';
import { RATE } from './support/contenders.ts';
import { MemoryWatch } from './support/memory-watch.ts';
import { ServerProcess } from './support/server-process.ts';

const SOCKETS = 500;
const WARMUP_SECONDS = 3;
/** Longer than the lines last that fit into LOKI_BUFFER_BYTES, so that some are dropped. */
const SECONDS = 8;
const MIB = 1024 * 1024;

/** Loki goes away under full load. */
export const lokiAway: Bench = {
  name: 'loki-away',
  summary:
    'throughput and memory with Loki killed under full load, against Loki there (targets: at least 0.95, +16 MiB)',
  rounds: 5,
  run: measure,
};

async function measure({ rounds }: BenchOptions): Promise<BenchResult> {
  if (NO_LOKI !== false) throw new Error(NO_LOKI);
  // Elsewhere it has a machine of its own. `idle` would starve it here, where the load takes both cores.
  const loki = await Loki.start('', 'low');
  const results: Round[] = [];
  try {
    for (let round = 0; round < rounds; round += 1) results.push(await measureOnce(loki));
  } finally {
    await loki.remove();
  }
  const all = (pick: (round: Round) => number): number[] => results.map(pick);
  return {
    method: `${rounds} rounds, each with a server of its own: ${SOCKETS} sockets as fast as it goes, ${SECONDS} s with Loki there, then ${SECONDS} s with Loki killed; memory is the most that was resident`,
    figures: [
      figure(
        'messages answered, Loki there',
        '/s',
        all((each) => each.there.rate),
      ),
      figure(
        'messages answered, Loki away',
        '/s',
        all((each) => each.away.rate),
      ),
      figure(
        'ratio, away / there',
        '×',
        all((each) => each.away.rate / each.there.rate),
        { atLeast: 0.95 },
      ),
      figure(
        'resident, Loki there',
        'MiB',
        all((each) => each.there.mostBytes / MIB),
      ),
      figure(
        'resident, Loki away',
        'MiB',
        all((each) => each.away.mostBytes / MIB),
      ),
      figure(
        'more memory with Loki away',
        'MiB',
        all((each) => (each.away.mostBytes - each.there.mostBytes) / MIB),
        { atMost: 16 },
      ),
      figure(
        'lines dropped and counted, Loki away',
        'lines',
        all((each) => each.dropped),
      ),
    ],
    faults: results.flatMap((each) => each.faults),
  };
}

interface Round {
  readonly there: Phase;
  readonly away: Phase;
  readonly dropped: number;
  readonly faults: readonly string[];
}

/** Some seconds of full load. */
interface Phase {
  readonly rate: number;
  readonly mostBytes: number;
}

async function measureOnce(loki: Loki): Promise<Round> {
  const env = { ...RATE, LOKI_ENABLED: 'true', LOKI_URL: loki.url };
  const server = await ServerProcess.start('service', { env, discardLog: true });
  const { fleet } = await openClients(server.port, SOCKETS);
  try {
    await load(fleet, server, WARMUP_SECONDS);
    const there = await load(fleet, server, SECONDS);
    const before = await droppedLines(server);
    await loki.kill();
    const away = await load(fleet, server, SECONDS);
    const dropped = (await droppedLines(server)) - before;
    return { there, away, dropped, faults: faultsOf(await fleet.report()) };
  } finally {
    await fleet.end();
    await server.kill();
    await loki.up();
  }
}

async function load(fleet: Fleet, server: ServerProcess, seconds: number): Promise<Phase> {
  const memory = new MemoryWatch(server);
  const { messages, report } = await saturate(fleet, seconds);
  return { rate: messages / report.seconds, mostBytes: memory.end() };
}

async function droppedLines(server: ServerProcess): Promise<number> {
  return (await server.scrape()).sum('websocket_log_lines_dropped_total', 'destination="loki"');
}
