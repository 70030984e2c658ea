import { setTimeout as delay } from 'node:timers/promises';
import { figure, type Bench, type BenchOptions, type BenchResult } from './support/bench.ts';
import { faultsOf, openClients } from './support/clients.ts';
import { RATE } from './support/contenders.ts';
import { LokiSink } from './support/loki-sink-process.ts';
import { ServerProcess } from './support/server-process.ts';

const DELAY_MS = 50;
const SOCKETS = 200;
/** Twice what pushes of 250 lines would carry. */
const MESSAGES_PER_SECOND = 10_000;
const WARMUP_SECONDS = 2;
const SECONDS = 5;
/** Until the last lines have arrived: half a second to the thread, and some pushes. */
const SETTLE_MS = 1500;

/** A Loki that is far away: one push at a time must carry a line for each message. */
export const lokiDelay: Bench = {
  name: 'loki-delay',
  summary: `${MESSAGES_PER_SECOND} lines/s to a Loki that takes ${DELAY_MS} ms for each push (targets: all shipped, none dropped)`,
  rounds: 3,
  run: measure,
};

async function measure({ rounds }: BenchOptions): Promise<BenchResult> {
  const results: Round[] = [];
  for (let round = 0; round < rounds; round += 1) results.push(await measureOnce());
  const all = (pick: (round: Round) => number): number[] => results.map(pick);
  return {
    method: `${rounds} rounds, each with a server of its own: ${SOCKETS} sockets, ${MESSAGES_PER_SECOND} messages/s for ${SECONDS} s after ${WARMUP_SECONDS} s, Loki answers each push after ${DELAY_MS} ms`,
    figures: [
      figure(
        'messages answered',
        '/s',
        all(({ answered, seconds }) => answered / seconds),
      ),
      figure(
        'of their lines, shipped 1.5 s later',
        '×',
        all(({ answered, shipped }) => shipped / answered),
        { atLeast: 1 },
      ),
      figure(
        'lines of a push',
        'lines',
        all(({ shipped, pushes }) => shipped / pushes),
      ),
      figure(
        'lines dropped',
        'lines',
        all(({ dropped }) => dropped),
        { exactly: 0 },
      ),
    ],
    faults: results.flatMap(({ faults }) => faults),
  };
}

interface Round {
  readonly seconds: number;
  readonly answered: number;
  readonly shipped: number;
  readonly pushes: number;
  readonly dropped: number;
  readonly faults: readonly string[];
}

async function measureOnce(): Promise<Round> {
  const loki = await LokiSink.start(DELAY_MS);
  const env = { ...RATE, LOKI_ENABLED: 'true', LOKI_URL: loki.url };
  const server = await ServerProcess.start('service', { env, discardLog: true });
  const { fleet } = await openClients(server.port, SOCKETS);
  try {
    await fleet.send({ perSecond: MESSAGES_PER_SECOND, seconds: WARMUP_SECONDS });
    await delay(SETTLE_MS);
    const from = await counts(server);
    const warm = await fleet.report();
    const sent = await fleet.send({ perSecond: MESSAGES_PER_SECOND, seconds: SECONDS });
    await delay(SETTLE_MS);
    const to = await counts(server);
    return {
      seconds: sent.seconds,
      answered: sent.totals.counters.replied - warm.totals.counters.replied,
      shipped: to.shipped - from.shipped,
      pushes: to.pushes - from.pushes,
      dropped: to.dropped - from.dropped,
      faults: faultsOf(sent),
    };
  } finally {
    await fleet.end();
    await server.kill();
    loki.stop();
  }
}

async function counts(server: ServerProcess): Promise<Pick<Round, 'shipped' | 'pushes' | 'dropped'>> {
  const scrape = await server.scrape();
  return {
    shipped: scrape.value('websocket_log_lines_shipped_total{destination="loki"}'),
    pushes: scrape.value('websocket_loki_pushes_total{outcome="accepted"}'),
    dropped: scrape.sum('websocket_log_lines_dropped_total', 'destination="loki"'),
  };
}
