import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { FleetReport } from '../loadtest/src/fleet.ts';
import { Loki, NO_LOKI } from '../testkit/loki.ts';
import { figure, type Bench, type BenchOptions, type BenchResult } from './support/bench.ts';
import { faultsOf, openClients } from './support/clients.ts';
import { MemoryWatch } from './support/memory-watch.ts';
import { ServerProcess } from './support/server-process.ts';

const SOCKETS = 100;
const MESSAGES_PER_SECOND = 500;
const BEFORE_SECONDS = 10;
const OUTAGE_SECONDS = 60;
const AFTER_SECONDS = 15;
/** Time that the last lines may take to arrive. */
const PATIENCE_MS = 30_000;
const LOOK_MS = 100;
const MIB = 1024 * 1024;

/** Loki is killed for a minute under a usual load: what becomes of the lines. */
export const lokiOutage: Bench = {
  name: 'loki-outage',
  summary: `Loki killed for ${OUTAGE_SECONDS} s at ${MESSAGES_PER_SECOND} messages/s: lines lost and doubled (target: 0), memory, time until lines flow again`,
  rounds: 1,
  run: measure,
};

async function measure({ rounds }: BenchOptions): Promise<BenchResult> {
  if (NO_LOKI !== false) throw new Error(NO_LOKI);
  const loki = await Loki.start();
  const results: Round[] = [];
  try {
    for (let round = 0; round < rounds; round += 1) results.push(await measureOnce(loki));
  } finally {
    await loki.remove();
  }
  const all = (pick: (round: Round) => number): number[] => results.map(pick);
  const counts = all((each) => each.answered);
  return {
    method: `${rounds} rounds, each with a server of its own: ${SOCKETS} sockets, ${MESSAGES_PER_SECOND} messages/s, ${BEFORE_SECONDS} s with Loki, ${OUTAGE_SECONDS} s without, ${AFTER_SECONDS} s with it again`,
    figures: [
      figure('messages answered', 'messages', counts),
      figure(
        'of their lines, not in Loki',
        'lines',
        all((each) => each.answered - each.different),
        { exactly: 0 },
      ),
      figure(
        'of their lines, in Loki twice',
        'lines',
        all((each) => each.stored - each.different),
        { exactly: 0 },
      ),
      figure(
        'lines counted as dropped',
        'lines',
        all((each) => each.dropped),
        { exactly: 0 },
      ),
      figure(
        "from Loki's return to the first line shipped",
        's',
        all((each) => each.flowingSeconds),
        { below: 5 },
      ),
      figure(
        'more memory, at most',
        'MiB',
        all((each) => each.moreBytes / MIB),
        { atMost: 16 },
      ),
    ],
    faults: results.flatMap((each) => each.faults),
  };
}

interface Round {
  readonly answered: number;
  /** Lines of messages that Loki gives back: it leaves out what is there twice. */
  readonly different: number;
  /** The same as Loki counts them, with those that are there twice. */
  readonly stored: number;
  readonly dropped: number;
  readonly flowingSeconds: number;
  readonly moreBytes: number;
  readonly faults: readonly string[];
}

async function measureOnce(loki: Loki): Promise<Round> {
  const environment = randomUUID();
  const env = { LOKI_ENABLED: 'true', LOKI_URL: loki.url, ENVIRONMENT: environment };
  const server = await ServerProcess.start('service', { env, discardLog: true });
  const { fleet } = await openClients(server.port, SOCKETS);
  const send = (seconds: number): Promise<FleetReport> => fleet.send({ perSecond: MESSAGES_PER_SECOND, seconds });
  try {
    await send(BEFORE_SECONDS);
    const before = server.residentBytes;
    const memory = new MemoryWatch(server);
    await loki.kill();
    await send(OUTAGE_SECONDS);
    const sending = send(AFTER_SECONDS);
    await loki.up();
    const flowingSeconds = await untilShipping(server);
    const sent = await sending;
    const selector = `{environment="${environment}"} | event="websocket_message_received"`;
    await untilAllShipped(server);
    const different = (await loki.lines(selector)).length;
    const [count] = await loki.series(`sum(count_over_time(${selector} [1h]))`);
    const dropped = (await server.scrape()).sum('websocket_log_lines_dropped_total', 'destination="loki"');
    return {
      answered: sent.totals.counters.replied,
      different,
      stored: count?.value ?? 0,
      dropped,
      flowingSeconds,
      moreBytes: memory.end() - before,
      faults: faultsOf(sent),
    };
  } finally {
    await fleet.end();
    await server.kill();
  }
}

async function untilShipping(server: ServerProcess): Promise<number> {
  const startedAt = performance.now();
  const from = await shipped(server);
  while ((await shipped(server)) === from && performance.now() - startedAt < PATIENCE_MS) await delay(LOOK_MS);
  return (performance.now() - startedAt) / 1000;
}

/** Until nothing waits any more, or has waited for too long. */
async function untilAllShipped(server: ServerProcess): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  const waiting = async (): Promise<number> =>
    (await server.scrape()).value('websocket_log_queue_bytes{destination="loki"}');
  while ((await waiting()) > 0 && performance.now() < deadline) await delay(LOOK_MS);
}

async function shipped(server: ServerProcess): Promise<number> {
  return (await server.scrape()).value('websocket_log_lines_shipped_total{destination="loki"}');
}
