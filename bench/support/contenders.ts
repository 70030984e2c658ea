import { Loki, NO_LOKI } from '../../testkit/loki.ts';
import type { BenchOptions, BenchResult } from './bench.ts';
import type { DialectName } from './clients.ts';
import { Comparison } from './comparison.ts';
import { keepTo } from './cores.ts';
import { LokiSink } from './loki-sink-process.ts';
import { centrifugo } from './programs.ts';
import type { ServerKind } from './server-process.ts';

/** A server that is compared with the others, and how it is run. */
export interface Contender {
  readonly name: string;
  readonly kind: ServerKind;
  readonly dialect: DialectName;
  /** What of the service is on, as its environment variables; of others, nothing. */
  readonly env: Readonly<Record<string, string>>;
  /** Ships its log to a live Loki; or to what stands in for one that is elsewhere. */
  readonly loki: boolean | 'elsewhere';
}

/** What the ratios are to. */
export const BARE = 'bare ws';
/** The service as it is, with everything that it has switched on. */
export const ALL_ON = 'service, all on';
/** The same, but Loki is not on this machine: what takes the lines does nothing with them. */
export const LOKI_ELSEWHERE = 'service, all on, Loki elsewhere';
/** The service with its metrics and no line for each message. */
export const METRICS = 'service, metrics';
/** With a line for each message, on stdout alone. */
export const LINES = 'service, metrics and lines';
/** Everything but a line for each message. */
export const WITHOUT_LINES = 'service, all on but lines';
/** Everything, with each message read and answered by `ws`. */
export const WITHOUT_FAST_PATH = 'service, all on, FAST_PATH off';

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
  { name: WITHOUT_FAST_PATH, kind: 'service', dialect: 'plain', env: { ...RATE, FAST_PATH: 'false' }, loki: true },
  { name: 'Socket.IO', kind: 'socket.io', dialect: 'socket.io', env: {}, loki: false },
  { name: 'Channels on uvicorn', kind: 'channels', dialect: 'plain', env: {}, loki: false },
  { name: 'Centrifugo', kind: 'centrifugo', dialect: 'centrifugo', env: {}, loki: false },
];

/** Tells what of {@link ALL_ON} is Loki's own work, on the cores that clients and server need. */
export const ELSEWHERE: Contender = {
  name: LOKI_ELSEWHERE,
  kind: 'service',
  dialect: 'plain',
  env: RATE,
  loki: 'elsewhere',
};

/** The contenders of a benchmark, without some that differ in nothing that it measures. */
export function contendersFor({ servers }: BenchOptions, leftOut: readonly string[] = []): Contender[] {
  return CONTENDERS.filter(({ name, kind }) => servers.includes(kind) && !leftOut.includes(name));
}

/** What a contender is asked in one round, while those it is compared with run beside it, and rest. */
export interface Trial {
  /** Measures for some seconds. */
  window(): Promise<void>;
  /** Notes what its windows found. @returns what was wrong */
  result(): readonly string[];
  end(): Promise<void>;
}

/** How a contender is run in a round. */
type Env = Readonly<Record<string, string>>;

/**
 * Compares contenders with the bare server, interleaved: one after the other in each round.
 * @param measure notes what it found of one contender in one round, and tells what was wrong
 */
export async function compareInTurn(
  contenders: readonly Contender[],
  rounds: number,
  measure: (contender: Contender, env: Env, comparison: Comparison) => Promise<readonly string[]>,
): Promise<Pick<BenchResult, 'figures' | 'faults'>> {
  const comparison = new Comparison(BARE);
  const faults: string[] = [];
  await withLoki(contenders, async (able, envOf) => {
    for (let round = 0; round < rounds; round += 1) {
      tellRound(round, rounds);
      for (const contender of rotated(able, round))
        faults.push(...(await measure(contender, envOf(contender), comparison)));
    }
  });
  return { figures: comparison.figures(), faults };
}

/**
 * Compares contenders with the bare server, interleaved more finely: in each round all are begun, then each has its first window,
 * then each its second. A machine that others share is now faster and now slower for a minute; a ratio of what was measured
 * seconds apart is spared that.
 * @param begin starts a contender and warms it up
 */
export async function compareInWindows(
  contenders: readonly Contender[],
  { rounds, windows }: { rounds: number; windows: number },
  begin: (contender: Contender, env: Env, comparison: Comparison) => Promise<Trial>,
): Promise<Pick<BenchResult, 'figures' | 'faults'>> {
  const comparison = new Comparison(BARE);
  const faults: string[] = [];
  await withLoki(contenders, async (able, envOf) => {
    for (let round = 0; round < rounds; round += 1) {
      tellRound(round, rounds);
      const trials: Trial[] = [];
      try {
        for (const contender of rotated(able, round)) trials.push(await begin(contender, envOf(contender), comparison));
        for (let window = 0; window < windows; window += 1)
          for (const trial of rotated(trials, window)) await trial.window();
        for (const trial of trials) faults.push(...trial.result());
      } finally {
        for (const trial of trials) await trial.end();
      }
    }
  });
  return { figures: comparison.figures(), faults };
}

/**
 * Runs something with a live Loki for those that ship to it. Loki is no part of what is measured, and elsewhere has a machine of
 * its own: it is kept off the server's core, and gets the CPU time that is left. Without a Loki they are left out, and a line says so.
 */
async function withLoki(
  contenders: readonly Contender[],
  run: (able: readonly Contender[], envOf: (contender: Contender) => Env) => Promise<void>,
): Promise<void> {
  const built = contenders.filter(({ kind }) => kind !== 'centrifugo' || centrifugo() !== undefined);
  if (built.length < contenders.length) console.error('bench: left out Centrifugo: there is no Go to build it');
  const able = built.filter(({ loki }) => loki !== true || NO_LOKI === false);
  if (able.length < built.length) console.error(`bench: left out what ships to Loki: ${String(NO_LOKI)}`);
  const loki = able.some((each) => each.loki === true) ? await Loki.start('', 'idle') : undefined;
  const sink = able.some((each) => each.loki === 'elsewhere') ? await LokiSink.start() : undefined;
  keepTo('others', loki?.pid);
  keepTo('others', sink?.pid);
  const urlFor = (contender: Contender): string => (contender.loki === true ? loki?.url : sink?.url) ?? '';
  try {
    await run(able, (contender) => ({
      ...contender.env,
      ...(contender.loki !== false && { LOKI_ENABLED: 'true', LOKI_URL: urlFor(contender) }),
    }));
  } finally {
    await loki?.remove();
    sink?.stop();
  }
}

/** A comparison takes minutes to half an hour, and its figures come at the end. */
function tellRound(round: number, rounds: number): void {
  console.error(`bench: ${new Date().toISOString()}, round ${round + 1} of ${rounds}`);
}

function rotated<T>(list: readonly T[], by: number): readonly T[] {
  const start = by % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}
