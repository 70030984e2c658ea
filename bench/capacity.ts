import type { FleetReport } from '../loadtest/src/fleet.ts';
import { figure, type Bench, type BenchOptions, type BenchResult } from './support/bench.ts';
import { faultsOf, openClients } from './support/clients.ts';
import { ServerProcess } from './support/server-process.ts';

const MESSAGES_PER_SECOND = 1000;
/** Each socket sends three times. */
const SECONDS = 30;

/** Many sockets at once, with a few messages a second each. */
export const capacity: Bench = {
  name: 'capacity',
  summary: '10,000 sockets, 1,000 messages/s in all: no error, every count right, p99 of the reply under 10 ms',
  rounds: 3,
  run: measure,
};

async function measure({ rounds, sockets }: BenchOptions): Promise<BenchResult> {
  const results: Round[] = [];
  for (let round = 0; round < rounds; round += 1) results.push(await measureOnce(sockets));
  const all = (pick: (round: Round) => number): number[] => results.map(pick);
  return {
    method: `${rounds} rounds; ${sockets} sockets of one client process, ${MESSAGES_PER_SECOND} messages/s for ${SECONDS} s; latency from when a message was due`,
    figures: [
      figure(
        'sockets open',
        'sockets',
        all((each) => each.sending.totals.open),
        { exactly: sockets },
      ),
      figure(
        'messages answered',
        'messages',
        all((each) => each.sending.totals.counters.replied),
        {
          exactly: MESSAGES_PER_SECOND * SECONDS,
        },
      ),
      figure(
        'faults',
        'faults',
        all((each) => each.faults.length),
        { exactly: 0 },
      ),
      figure(
        'reply, p50',
        'ms',
        all((each) => each.sending.times.reply.p50 ?? NaN),
      ),
      figure(
        'reply, p99',
        'ms',
        all((each) => each.sending.times.reply.p99 ?? NaN),
        { below: 10 },
      ),
      figure(
        'reply, p99.9',
        'ms',
        all((each) => each.sending.times.reply['p99.9'] ?? NaN),
      ),
      figure(
        'reply, slowest',
        'ms',
        all((each) => each.sending.times.reply.max ?? NaN),
      ),
      figure(
        'connections accepted',
        '/s',
        all((each) => (sockets * 1000) / each.opened.totals.lastFirstOpenMs),
      ),
    ],
    faults: results.flatMap((each) => each.faults),
  };
}

interface Round {
  readonly opened: FleetReport;
  readonly sending: FleetReport;
  readonly faults: readonly string[];
}

async function measureOnce(sockets: number): Promise<Round> {
  const server = await ServerProcess.start('service');
  try {
    const { fleet, opened } = await openClients(server.port, sockets);
    try {
      const sending = await fleet.send({ perSecond: MESSAGES_PER_SECOND, seconds: SECONDS });
      return { opened, sending, faults: [...faultsOf(sending), ...(await disagreements(server, sending))] };
    } finally {
      await fleet.end();
    }
  } finally {
    await server.kill();
  }
}

/** Where the service's own counts differ from what its clients counted. */
async function disagreements(server: ServerProcess, { totals }: FleetReport): Promise<string[]> {
  const { open } = totals;
  const { sent, replied: answered } = totals.counters;
  const scrape = await server.scrape();
  const expected: readonly [series: string, value: number, meaning: string][] = [
    ['websocket_active_connections', open, 'sockets open'],
    ['websocket_messages_total', answered, 'replies received'],
    ['websocket_messages_total', sent, 'messages sent'],
    ['websocket_message_duration_seconds_count', answered, 'replies received'],
  ];
  const wrong = expected
    .filter(([series, value]) => scrape.value(series) !== value)
    .map(
      ([series, value, meaning]) => `${series} is ${scrape.value(series)}, but the clients know of ${value} ${meaning}`,
    );
  const errors = scrape.sum('websocket_errors_total');
  return errors === 0 ? wrong : [...wrong, `websocket_errors_total is ${errors} in all`];
}
