#!/usr/bin/env node
/** `npm run soak`: everything on for hours, and nothing may grow. `--keep` keeps the figures and the plot for docs/reliability.md. */
import { setTimeout as delay } from 'node:timers/promises';
import { CounterClient } from '../../client/client.js';
import { positiveInteger, positiveNumber, program } from '../../lib/program.ts';
import { Fleet } from '../../loadtest/src/fleet.ts';
import { freePort } from '../../testkit/free-port.ts';
import { Loki, NO_LOKI } from '../../testkit/loki.ts';
import { RedisServer, type Cleanup } from '../../testkit/redis.ts';
import { Balancer } from './balancer.ts';
import { Endings } from './endings.ts';
import { Instance } from './instance.ts';
import { enterSandbox } from './sandbox.ts';
import { describeSoak, failuresOf, keepSoak, type Soak } from './soak-result.ts';
import { readGauges, type Parts } from './soak-gauges.ts';

const DRAIN_EVERY_MINUTES = 10;
/** A run is at least so many times as long as one of these. */
const LEAST_DRAINS = 3;
const SAMPLE_MS = 2000;
/** Samples from one collection of garbage to the next. */
const COLLECT_EVERY = 10;
/** Sessions that come, send and go, a second, and how long each stays. */
const CHURN = { perSecond: 4, messages: 3, stayMs: 5000 };
/** A session of a client that left is kept so long. Seconds. */
const SESSION_TTL = 30;

const command = program('npm run soak --', 'Runs everything for hours, and compares its end with its beginning.')
  .option('--hours <number>', 'length of the run', positiveNumber, 1.5)
  .option('--clients <number>', 'sessions that stay, one message a second each', positiveInteger, 300)
  .option('--keep', 'keep the figures and the plot for docs/reliability.md', false)
  .parse();
const { hours, clients, keep } = command.opts<{ hours: number; clients: number; keep: boolean }>();
if (NO_LOKI !== false) command.error(NO_LOKI, { exitCode: 1 });
enterSandbox();
const mishaps: string[] = [];
const soak = await new Endings().during(run);
process.stdout.write(`${describeSoak(soak)}\n`);
if (keep) keepSoak(soak);
process.exit(failuresOf(soak).length === 0 ? 0 : 1);

async function run(t: Cleanup): Promise<Soak> {
  const periodMs = Math.min(DRAIN_EVERY_MINUTES, (hours * 60) / LEAST_DRAINS) * 60_000;
  const { balancer, fleet, ...parts } = await start(t, periodMs);
  const url = `ws://127.0.0.1:${balancer.port}/ws/chat/`;
  const churn = setInterval(() => void comeAndGo(url).catch(note), 1000 / CHURN.perSecond);
  t.after(() => {
    clearInterval(churn);
  });
  const samples: Soak['samples'][number][] = [];
  const drainsMs: number[] = [];
  const date = new Date();
  const startedAt = performance.now();
  let draining: Promise<void> | undefined;
  for (let at = 0; at < hours * 3_600_000; at = performance.now() - startedAt) {
    // In the middle of each period, so that the two that are compared have one each.
    if (at >= (drainsMs.length + 0.5) * periodMs) {
      drainsMs.push(Math.round(at));
      draining = replace(parts.drained);
      draining.catch(note);
    }
    const collected = samples.length % COLLECT_EVERY === 0;
    samples.push({ at: Math.round(at), ...(await readGauges(parts, fleet.totals().counters.replied, collected)) });
    await delay(SAMPLE_MS);
  }
  await draining;
  clearInterval(churn);
  const { totals } = await fleet.stop();
  const { sent, replied: told, lost, reconnects } = totals.counters;
  const counts = { sent, told, lost, reconnects, wrong: totals.violationsByKind };
  return { startedAt: date, hours, clients, periodMs, samples, drainsMs, ...counts, mishaps };
}

/** Redis, Loki, a balancer, an instance that stays and one that is drained again and again, and clients. */
async function start(t: Cleanup, periodMs: number): Promise<Parts & { balancer: Balancer; fleet: Fleet }> {
  const redis = await RedisServer.start(t, ['--appendonly', 'yes', '--maxmemory-policy', 'noeviction']);
  // From its first rewrite on Redis keeps some 24 KiB more; without this it comes in the middle of the run, at 64 MiB.
  redis.cli('BGREWRITEAOF');
  const loki = await Loki.start('', 'low');
  t.after(() => loki.remove());
  const env = {
    ...{ REDIS_URL: redis.url, SESSION_DURABILITY: 'strict', SESSION_TTL: String(SESSION_TTL) },
    ...{ LOKI_ENABLED: 'true', LOKI_URL: loki.url, HEARTBEAT_INTERVAL_SECONDS: '5', DRAIN_SPREAD_SECONDS: '2' },
    // After a drain all clients are on the instance that stays, until their age spreads them again.
    MAX_CONNECTION_AGE_SECONDS: String(periodMs / 10_000),
  };
  const launch = (name: string, more: Readonly<Record<string, string>> = {}): Promise<Instance> =>
    Instance.start(t, name, { ...env, ...more }, (mishap, detail) => mishaps.push(`${mishap}: ${detail}`));
  const inspector = await freePort();
  const stays = await launch('stays', { NODE_OPTIONS: `--inspect-port=127.0.0.1:${inspector}` });
  const drained = await launch('drained');
  const balancer = await Balancer.start(t, [stays.port, drained.port]);
  const fleet = await Fleet.start(`ws://127.0.0.1:${balancer.port}/ws/chat/`, { clients });
  t.after(() => fleet.end());
  await fleet.allOpen(30);
  return { redis, stays, inspector, drained, balancer, fleet };
}

async function replace(instance: Instance): Promise<void> {
  await instance.drain();
  await instance.up();
}

/** A session that sends a little, stays a while, and is not seen again. */
async function comeAndGo(url: string): Promise<void> {
  const client = new CounterClient(url);
  try {
    // A message whose connection ends is rejected: that is no fault.
    for (let each = 0; each < CHURN.messages; each += 1) await client.send('soak').catch(() => undefined);
    await delay(CHURN.stayMs);
  } finally {
    client.close();
  }
}

function note(error: unknown): void {
  mishaps.push(String(error));
}
