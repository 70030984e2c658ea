import { figure, type Bench, type BenchOptions, type BenchResult } from './support/bench.ts';
import { FleetClient } from './support/fleet-client.ts';
import type { FleetReport } from './support/fleet.ts';
import { ServerProcess } from './support/server-process.ts';

/** Of the senders, who are half of the sockets: each sends about once a second. */
const MESSAGES_PER_SECOND_EACH = 1;
/** The bound that the service promises (DRAIN_TIMEOUT_SECONDS). */
const BOUND_SECONDS = 10;
/** What a drain without spread should take. */
const AT_ONCE_BOUND_SECONDS = 3;
const WARMUP_MS = 2000;

/** SIGTERM with many sockets open, half of them sending. */
export const drain: Bench = {
  name: 'drain',
  summary:
    'SIGTERM with 10,000 sockets, half of them sending: all get bye and 1001, totals right, exit 0 in under 10 s',
  rounds: 3,
  run: measure,
};

async function measure({ rounds, sockets }: BenchOptions): Promise<BenchResult> {
  const usual: Round[] = [];
  const atOnce: Round[] = [];
  for (let round = 0; round < rounds; round += 1) {
    usual.push(await measureOnce(sockets, {}));
    atOnce.push(await measureOnce(sockets, { DRAIN_SPREAD_SECONDS: '0' }));
  }
  const rows = usual.flatMap((each) => each.closing);
  return {
    method: `${rounds} rounds, interleaved, of the defaults and of no spread; ${sockets} sockets, ${sockets / 2} of them send ${(sockets / 2) * MESSAGES_PER_SECOND_EACH} messages/s`,
    figures: [
      figure(
        'clients that got bye and 1001',
        'sockets',
        rows.map((each) => Math.min(each.closes.byes, each.closes.codes['1001'] ?? 0)),
        { exactly: sockets },
      ),
      figure(
        'clients cut (1006)',
        'sockets',
        rows.map((each) => each.closes.codes['1006'] ?? 0),
        { exactly: 0 },
      ),
      figure(
        'byes with another total than told',
        'sockets',
        rows.map((each) => each.closes.wrongTotals),
        { exactly: 0 },
      ),
      figure(
        'messages answered',
        'messages',
        rows.map((each) => each.answered),
      ),
      figure(
        'SIGTERM to exit',
        's',
        usual.map((each) => each.seconds),
        { below: BOUND_SECONDS },
      ),
      figure(
        'first close to last',
        's',
        rows.map((each) => each.closes.spanMs / 1000),
      ),
      figure(
        'exit status',
        '',
        usual.map((each) => each.status),
        { exactly: 0 },
      ),
      figure(
        'no spread: SIGTERM to exit',
        's',
        atOnce.map((each) => each.seconds),
        { below: AT_ONCE_BOUND_SECONDS },
      ),
      figure(
        'no spread: first close to last',
        's',
        atOnce.map((each) => each.closing.closes.spanMs / 1000),
      ),
    ],
    faults: [...usual, ...atOnce].flatMap((each) => each.faults),
  };
}

interface Round {
  readonly closing: FleetReport;
  /** From the signal to the end of the process. */
  readonly seconds: number;
  readonly status: number;
  readonly faults: readonly string[];
}

async function measureOnce(sockets: number, env: Readonly<Record<string, string>>): Promise<Round> {
  const server = await ServerProcess.start('service', { env, discardLog: true });
  const fleet = new FleetClient();
  try {
    await fleet.open(server.port, sockets);
    const senders = Math.floor(sockets / 2);
    await fleet.order({ do: 'keepSending', rate: senders * MESSAGES_PER_SECOND_EACH, senders });
    await new Promise((resolve) => setTimeout(resolve, WARMUP_MS));
    const signalledAt = performance.now();
    server.child.kill('SIGTERM');
    const exit = server.exited.then(({ status }) => ({ status: status ?? -1, at: performance.now() }));
    const closing = await fleet.order({ do: 'awaitClosed', seconds: BOUND_SECONDS * 2 });
    const { status, at } = await exit;
    const seconds = (at - signalledAt) / 1000;
    return { closing, seconds, status, faults: faultsOf(closing, sockets, status, server) };
  } finally {
    await fleet.end();
    if (server.running) await server.kill();
  }
}

function faultsOf(
  { closes, answered, faults }: FleetReport,
  sockets: number,
  status: number,
  server: ServerProcess,
): string[] {
  const found = [...faults];
  const codes = JSON.stringify(closes.codes);
  if (closes.closed !== sockets) found.push(`${closes.closed} of ${sockets} sockets were closed`);
  if (closes.byes !== closes.closed) found.push(`${closes.byes} of ${closes.closed} clients got a bye`);
  if (closes.codes['1001'] !== sockets) found.push(`close codes were ${codes}, not 1001 alone`);
  if (closes.wrongTotals > 0) found.push(`${closes.wrongTotals} byes had another total than the last count told`);
  if (answered === 0) found.push('no message was answered: the clients did not send');
  if (status !== 0) found.push(`the exit status was ${status}; stderr: ${server.stderr}`);
  return found;
}
