import type { FleetReport } from '../loadtest/src/fleet.ts';
import { figure, type Bench, type BenchOptions, type BenchResult } from './support/bench.ts';
import { faultsOf, openClients } from './support/clients.ts';
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
        rows.map(({ totals }) => Math.min(totals.counters.byes, totals.closesByCode['1001'] ?? 0)),
        { exactly: sockets },
      ),
      figure(
        'clients cut (1006)',
        'sockets',
        rows.map(({ totals }) => totals.closesByCode['1006'] ?? 0),
        { exactly: 0 },
      ),
      figure(
        'wrong counts and totals',
        'sockets',
        rows.map(({ totals }) => totals.counters.violations),
        { exactly: 0 },
      ),
      figure(
        'messages answered',
        'messages',
        rows.map(({ totals }) => totals.counters.replied),
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
        rows.map(({ totals }) => totals.closeSpanMs / 1000),
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
        atOnce.map((each) => each.closing.totals.closeSpanMs / 1000),
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
  const { fleet } = await openClients(server.port, sockets);
  try {
    const senders = Math.floor(sockets / 2);
    await fleet.send({ perSecond: senders * MESSAGES_PER_SECOND_EACH, seconds: Infinity, senders });
    await new Promise((resolve) => setTimeout(resolve, WARMUP_MS));
    const signalledAt = performance.now();
    server.child.kill('SIGTERM');
    const exit = server.exited.then(({ status }) => ({ status: status ?? -1, at: performance.now() }));
    const closing = await fleet.allClosed(BOUND_SECONDS * 2);
    const { status, at } = await exit;
    const seconds = (at - signalledAt) / 1000;
    return { closing, seconds, status, faults: drainFaults(closing, sockets, status, server) };
  } finally {
    await fleet.end();
    if (server.running) await server.kill();
  }
}

function drainFaults(closing: FleetReport, sockets: number, status: number, server: ServerProcess): string[] {
  const { counters, closesByCode } = closing.totals;
  const found = faultsOf(closing);
  if (counters.byes !== sockets) found.push(`${counters.byes} of ${sockets} clients got a bye`);
  if (closesByCode['1001'] !== sockets) found.push(`close codes were ${JSON.stringify(closesByCode)}, not 1001 alone`);
  if (counters.replied === 0) found.push('no message was answered: the clients did not send');
  if (status !== 0) found.push(`the exit status was ${status}; stderr: ${server.stderr}`);
  return found;
}
