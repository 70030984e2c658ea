import { randomUUID } from 'node:crypto';
import { quantile } from '../lib/quantile.ts';
import { Client } from '../testkit/client.ts';
import { RedisServer, type Cleanup } from '../testkit/redis.ts';
import { figure, type Bench, type BenchOptions, type BenchResult, type Figure } from './support/bench.ts';
import { faultsOf, openClients, saturate } from './support/clients.ts';
import { Comparison, type Measure } from './support/comparison.ts';
import { messageCost, utilization } from './support/loop-sample.ts';
import { ServerProcess } from './support/server-process.ts';

const SOCKETS = 1000;
const WARMUP_SECONDS = 2;
const SECONDS = 4;
/** Of all sockets, for the latency of a reply. */
const MESSAGES_PER_SECOND = 1000;
const RESUMES = 100;

const MEMORY = 'memory';
const RELAXED = 'relaxed';
const STRICT = 'strict';
/** Strict, and each reply waits for a replica. */
const REPLICATED = 'replicated';
const TOKEN = 'token';
const TOKEN_KEY = 'a key of the benchmark and of no one else';

const THROUGHPUT: Measure = { name: 'messages answered', unit: '/s', ratioTargets: { [STRICT]: { atLeast: 0.6 } } };
const LOOP: Measure = { name: 'event loop active a message', unit: 'µs' };
const LOOP_CPU: Measure = { name: "CPU time of the event loop's thread a message", unit: 'µs' };
const CPU: Measure = { name: 'CPU time of the process a message', unit: 'µs' };
const SERVER_BUSY: Measure = { name: 'server, share of time active', unit: '' };
const CLIENT_BUSY: Measure = { name: 'client, share of time active', unit: '' };
const P50: Measure = { name: `reply at ${MESSAGES_PER_SECOND} messages/s, p50`, unit: 'ms' };
const P99: Measure = {
  name: `reply at ${MESSAGES_PER_SECOND} messages/s, p99`,
  unit: 'ms',
  targets: { [STRICT]: { below: 5 } },
};

/** What keeping counts outside of the process costs. */
export const store: Bench = {
  name: 'store',
  summary:
    'the shared store, relaxed, strict, and strict with a replica, as ratios to memory; time to resume a session on another process',
  rounds: 5,
  run: measure,
};

async function measure({ rounds }: BenchOptions): Promise<BenchResult> {
  const ends: (() => void | Promise<void>)[] = [];
  const t: Cleanup = { after: (end) => ends.push(end) };
  const redis = await RedisServer.start(t);
  const master = await RedisServer.start(t);
  await RedisServer.start(t, ['--replicaof', '127.0.0.1', String(master.port)]);
  try {
    const comparison = new Comparison(MEMORY);
    const ways = Object.entries(waysWith(redis.url, master.url)).filter(([name]) => name !== TOKEN);
    const faults: string[] = [];
    for (let round = 0; round < rounds; round += 1)
      for (const [index] of ways.entries()) {
        const [name, env] = ways[(index + round) % ways.length] as (typeof ways)[number];
        faults.push(...(await measureOnce(name, env, comparison)));
        const used = name === REPLICATED ? master : redis;
        if (Number(used.cli('DBSIZE')) < (name === MEMORY ? 0 : SOCKETS)) faults.push(`${name} did not use Redis`);
        used.cli('FLUSHALL');
      }
    return {
      method: `${rounds} rounds, interleaved, each with a server of its own and one Redis, for ${REPLICATED} with one replica; ${SOCKETS} sockets, each sends its next message when the last is answered, for ${SECONDS} s after ${WARMUP_SECONDS} s; then ${MESSAGES_PER_SECOND} messages/s in all for as long; ${RESUMES} resumes`,
      figures: [...comparison.figures(), ...(await measureResumes(redis.url, master.url))],
      faults,
    };
  } finally {
    for (const end of ends) await end();
  }
}

/** Environments of the ways to keep counts. */
function waysWith(redisUrl: string, masterUrl: string): Readonly<Record<string, Readonly<Record<string, string>>>> {
  const free = { MESSAGE_RATE: '0' };
  return {
    [MEMORY]: free,
    [RELAXED]: { ...free, REDIS_URL: redisUrl, SESSION_DURABILITY: 'relaxed' },
    [STRICT]: { ...free, REDIS_URL: redisUrl, SESSION_DURABILITY: 'strict' },
    [REPLICATED]: { ...free, REDIS_URL: masterUrl, SESSION_DURABILITY: 'strict', STORE_REPLICAS: '1' },
    // A client receives its token with a bye, here for being idle.
    [TOKEN]: { ...free, RESUME_TOKEN_KEY: TOKEN_KEY, IDLE_TIMEOUT_SECONDS: '0.1' },
  };
}

async function measureOnce(
  name: string,
  env: Readonly<Record<string, string>>,
  comparison: Comparison,
): Promise<readonly string[]> {
  const server = await ServerProcess.start('service', { env, loopProbe: true, discardLog: true });
  const { fleet } = await openClients(server.port, SOCKETS);
  try {
    await saturate(fleet, WARMUP_SECONDS);
    const from = await server.sample();
    const { messages, report } = await saturate(fleet, SECONDS);
    const to = await server.sample();
    const { loopMicros, loopCpuMicros, cpuMicros } = messageCost(from, to, messages);
    comparison.add(name, THROUGHPUT, messages / report.seconds);
    comparison.add(name, LOOP, loopMicros);
    comparison.add(name, LOOP_CPU, loopCpuMicros);
    comparison.add(name, CPU, cpuMicros);
    comparison.add(name, SERVER_BUSY, utilization(from, to));
    comparison.add(name, CLIENT_BUSY, report.busy);
    const steady = await fleet.send({ perSecond: MESSAGES_PER_SECOND, seconds: SECONDS });
    comparison.add(name, P50, steady.times.reply.p50 ?? NaN);
    comparison.add(name, P99, steady.times.reply.p99 ?? NaN);
    return faultsOf(steady);
  } finally {
    await fleet.end();
    await server.kill();
  }
}

async function measureResumes(redisUrl: string, masterUrl: string): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const [name, env] of Object.entries(waysWith(redisUrl, masterUrl)).filter(([way]) => way !== MEMORY)) {
    const sorted = (await resumeTimes(name, env)).sort((a, b) => a - b);
    figures.push(
      figure(`resume on another process, connect to count, ${name}, p50`, 'ms', [quantile(sorted, 0.5)]),
      figure(`resume on another process, connect to count, ${name}, p99`, 'ms', [quantile(sorted, 0.99)]),
    );
  }
  return figures;
}

/**
 * One session that moves from process to process, and counts one message on each.
 * @returns milliseconds from each connect to its count
 * @throws {Error} if a count is not the next one
 */
async function resumeTimes(name: string, env: Readonly<Record<string, string>>): Promise<number[]> {
  const servers = [await ServerProcess.start('service', { env }), await ServerProcess.start('service', { env })];
  const id = randomUUID();
  let resume = '';
  const times: number[] = [];
  try {
    for (let expected = 1; expected <= RESUMES; expected += 1) {
      const { port } = servers[expected % 2] as ServerProcess;
      const startedAt = performance.now();
      const client = await Client.open(`ws://127.0.0.1:${port}/ws/chat/?session_id=${id}${resume}`);
      const count = await client.count();
      times.push(performance.now() - startedAt);
      if (count !== expected) throw new Error(`${name}: count ${count} came, ${expected} was expected`);
      if (name === TOKEN) resume = `&resume=${encodeURIComponent((await client.bye()).resume ?? '')}`;
      await client.close();
      // Relaxed mode writes at the latest when a connection is closed, which the server sees after its client.
      if (name === RELAXED) await written(servers[expected % 2] as ServerProcess);
    }
    return times;
  } finally {
    for (const server of servers) await server.kill();
  }
}

async function written(server: ServerProcess): Promise<void> {
  for (;;) {
    const scrape = await server.scrape();
    if (scrape.value('websocket_active_connections') === 0 && scrape.value('websocket_store_pending_messages') === 0)
      return;
  }
}
