import { Loki, NO_LOKI } from '../../service/test/support/loki.ts';
import type { BenchResult } from './bench.ts';
import { Comparison } from './comparison.ts';
import type { DialectName } from './dialects.ts';
import { centrifugo } from './programs.ts';
import type { ServerKind } from './server-process.ts';

/** A server that is compared with the others, and how it is run. */
export interface Contender {
  readonly name: string;
  readonly kind: ServerKind;
  readonly dialect: DialectName;
  /** What of the service is on, as its environment variables; of others, nothing. */
  readonly env: Readonly<Record<string, string>>;
  /** Ships its log to a live Loki. */
  readonly loki: boolean;
}

/** What the ratios are to. */
export const BARE = 'bare ws';
/** The service as it is, with everything that it has switched on. */
export const ALL_ON = 'service, all on';
/** The service with its metrics and no line for each message. */
export const METRICS = 'service, metrics';
/** With a line for each message, on stdout alone. */
export const LINES = 'service, metrics and lines';
/** Everything but a line for each message. */
export const WITHOUT_LINES = 'service, all on but lines';

/** The rate of a connection is looked at as ever, and higher than the load makes it: a few hundred sockets carry all of it. */
export const RATE = { MESSAGE_RATE: '100000', MESSAGE_BURST: '100000' };
const NO_MESSAGE_LINES = { ...RATE, LOG_MESSAGE_SAMPLING: '0' };

/** The bare server, the service with its parts (metrics can't be switched off), and others of its trade. */
export const CONTENDERS: readonly Contender[] = [
  { name: BARE, kind: 'bare', dialect: 'plain', env: {}, loki: false },
  { name: METRICS, kind: 'service', dialect: 'plain', env: NO_MESSAGE_LINES, loki: false },
  { name: LINES, kind: 'service', dialect: 'plain', env: RATE, loki: false },
  { name: WITHOUT_LINES, kind: 'service', dialect: 'plain', env: NO_MESSAGE_LINES, loki: true },
  { name: ALL_ON, kind: 'service', dialect: 'plain', env: RATE, loki: true },
  { name: 'Socket.IO', kind: 'socket.io', dialect: 'socket.io', env: {}, loki: false },
  { name: 'Channels on uvicorn', kind: 'channels', dialect: 'plain', env: {}, loki: false },
  { name: 'Centrifugo', kind: 'centrifugo', dialect: 'centrifugo', env: {}, loki: false },
];

/**
 * Compares contenders with the bare server, interleaved.
 * @param measure notes what it found of one contender in one round, and tells what was wrong
 */
export async function compareInTurn(
  contenders: readonly Contender[],
  rounds: number,
  measure: (
    contender: Contender,
    env: Readonly<Record<string, string>>,
    comparison: Comparison,
  ) => Promise<readonly string[]>,
): Promise<Pick<BenchResult, 'figures' | 'faults'>> {
  const comparison = new Comparison(BARE);
  const faults: string[] = [];
  await eachInTurn(contenders, rounds, async (contender, env) => {
    faults.push(...(await measure(contender, env, comparison)));
  });
  return { figures: comparison.figures(), faults };
}

/**
 * Runs something for each contender in each round, interleaved, the order another each time; with a live Loki for those that
 * ship to it. Loki is no part of what is measured, and elsewhere has a machine of its own: it gets the CPU time that is left.
 * Without a Loki they are left out, and a line says so.
 */
async function eachInTurn(
  contenders: readonly Contender[],
  rounds: number,
  run: (contender: Contender, env: Readonly<Record<string, string>>, round: number) => Promise<void>,
): Promise<void> {
  const built = contenders.filter(({ kind }) => kind !== 'centrifugo' || centrifugo() !== undefined);
  if (built.length < contenders.length) console.error('bench: left out Centrifugo: there is no Go to build it');
  const able = built.filter(({ loki }) => !loki || NO_LOKI === false);
  if (able.length < built.length) console.error(`bench: left out what ships to Loki: ${String(NO_LOKI)}`);
  const loki = able.some((each) => each.loki) ? await Loki.start('', 'idle') : undefined;
  try {
    for (let round = 0; round < rounds; round += 1)
      for (const contender of rotated(able, round)) {
        const env = contender.loki ? { LOKI_ENABLED: 'true', LOKI_URL: loki?.url ?? '' } : {};
        await run(contender, { ...contender.env, ...env }, round);
      }
  } finally {
    await loki?.remove();
  }
}

function rotated<T>(list: readonly T[], by: number): readonly T[] {
  const start = by % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}
