import { setTimeout as delay } from 'node:timers/promises';
import { FaultyLoki } from '../../testkit/faulty-loki.ts';
import { Loki, NO_LOKI } from '../../testkit/loki.ts';
import { RedisServer, type Cleanup } from '../../testkit/redis.ts';
import { Balancer } from './balancer.ts';
import { Clock } from './clock.ts';
import { Disk } from './disk.ts';
import type { Mode } from './history.ts';
import { Instance, type Mishap } from './instance.ts';
import { Link } from './link.ts';
import { removeOldGroups } from './memory-group.ts';
import { Names } from './names.ts';
import { inSandbox } from './sandbox.ts';

/** How often a client gets a heartbeat, in seconds: a client misses a frozen instance after two to two and a half. */
export const HEARTBEAT_SECONDS = 1;
/** Replicas and Sentinels, where the store has them. */
const REPLICAS = 2;
const SENTINELS = 3;
const TOKEN_KEY = 'a key of the chaos runs and of no one else';

/** What a system is made of. */
export interface SystemOptions {
  readonly mode: Mode;
  readonly instances: number;
  readonly loki: boolean;
}

/** Everything that a run has: instances behind a balancer, the store, Loki, and a link before each of them. */
export class System {
  readonly mode: Mode;
  readonly instances: readonly Instance[];
  readonly balancer: Balancer;
  readonly redis: readonly RedisServer[];
  /** Of each server of the store, in a sandbox. */
  readonly disks: readonly Disk[];
  readonly sentinels: readonly RedisServer[];
  /** Of the servers of the store, and of the Sentinels. */
  readonly storeClocks: readonly Clock[];
  readonly loki: Loki | undefined;
  /** Takes the place of Loki, and answers 500. */
  readonly brokenLoki: FaultyLoki | undefined;
  /** Links of the instances to the servers of the store, of the servers among each other, and of the Sentinels to them. */
  readonly redisLinks: readonly Link[];
  readonly instanceLinks: readonly Link[];
  readonly lokiLinks: readonly Link[];
  /** Names of the store and of Loki, in a sandbox. */
  readonly names: Names | undefined;

  private constructor(parts: Omit<System, 'url' | 'master'>) {
    ({
      mode: this.mode,
      instances: this.instances,
      balancer: this.balancer,
      redis: this.redis,
      disks: this.disks,
      sentinels: this.sentinels,
      storeClocks: this.storeClocks,
      loki: this.loki,
      brokenLoki: this.brokenLoki,
      redisLinks: this.redisLinks,
      instanceLinks: this.instanceLinks,
      lokiLinks: this.lokiLinks,
      names: this.names,
    } = parts);
  }

  /** Starts everything, and waits until it works. @param onMishap called when a process of the service ends on its own */
  static async start(
    t: Cleanup,
    { mode, instances: count, loki: withLoki }: SystemOptions,
    onMishap: (mishap: Mishap, detail: string) => void,
  ): Promise<System> {
    removeOldGroups();
    t.after(removeOldGroups);
    const names = inSandbox() ? new Names(t, ['store', 'loki']) : undefined;
    const { loki, brokenLoki, lokiLinks } = withLoki ? await startLoki(t) : NO_LOKI_PARTS;
    const { url, ...store } = await startStore(t, mode);
    const env = environment(mode, url, lokiLinks[0]);
    const instances = await Promise.all(
      Array.from({ length: count }, (_, index) => Instance.start(t, `service-${index}`, env, onMishap)),
    );
    const instanceLinks: Link[] = [];
    for (const { name, port } of instances) instanceLinks.push(await Link.open(t, name, port));
    const balancer = await Balancer.start(
      t,
      instanceLinks.map(({ port }) => port),
    );
    return new System({
      ...{ mode, instances, balancer, ...store, loki, brokenLoki },
      ...{ instanceLinks, lokiLinks, names },
    });
  }

  /** Where clients connect. */
  get url(): string {
    return `ws://127.0.0.1:${this.balancer.port}/ws/chat/`;
  }
}

const NO_LOKI_PARTS = { loki: undefined, brokenLoki: undefined, lokiLinks: [] } as const;

async function startLoki(t: Cleanup): Promise<Pick<System, 'loki' | 'brokenLoki' | 'lokiLinks'>> {
  if (NO_LOKI !== false) throw new Error(NO_LOKI);
  const loki = await Loki.start('', 'low');
  t.after(() => loki.remove());
  const brokenLoki = await FaultyLoki.start(t);
  brokenLoki.fault = 500;
  return { loki, brokenLoki, lokiLinks: [await Link.open(t, 'loki', Number(new URL(loki.url).port))] };
}

type Store = Pick<System, 'redis' | 'disks' | 'sentinels' | 'storeClocks' | 'redisLinks'> & { readonly url: string };

async function startStore(t: Cleanup, mode: Mode): Promise<Store> {
  if (mode === 'token') return { redis: [], disks: [], sentinels: [], storeClocks: [], redisLinks: [], url: '' };
  const redis: RedisServer[] = [];
  const disks: Disk[] = [];
  const redisLinks: Link[] = [];
  const storeClocks: Clock[] = [];
  for (let index = 0; index <= (mode === 'replicated' ? REPLICAS : 0); index += 1) {
    const disk = inSandbox() ? new Disk(t) : undefined;
    if (disk !== undefined) disks.push(disk);
    const clock = new Clock(t, `redis-${index}`);
    storeClocks.push(clock);
    const options = [...DURABLE, ...(disk === undefined ? [] : ['--dir', disk.folder])];
    const server = await RedisServer.start(t, options, 'redis-server', clock.env);
    const link = await Link.open(t, `redis-${index}`, server.port);
    // What a server is known by to Sentinels, replicas and instances: the link before it.
    server.cli('CONFIG', 'SET', 'replica-announce-ip', '127.0.0.1', 'replica-announce-port', String(link.port));
    if (redisLinks[0] !== undefined) server.cli('REPLICAOF', '127.0.0.1', String(redisLinks[0].port));
    server.cli('CONFIG', 'REWRITE');
    redis.push(server);
    redisLinks.push(link);
  }
  const [master] = redisLinks;
  if (master === undefined) throw new Error('a store has a server');
  if (mode !== 'replicated')
    return { redis, disks, sentinels: [], storeClocks, redisLinks, url: `redis://${host('store')}:${master.port}` };
  while ((redis[0]?.cli('INFO', 'replication').match(/state=online/g)?.length ?? 0) < REPLICAS) await delay(50);
  const sentinels: RedisServer[] = [];
  for (let index = 0; index < SENTINELS; index += 1) {
    const clock = new Clock(t, `sentinel-${index}`);
    storeClocks.push(clock);
    sentinels.push(await RedisServer.startSentinel(t, master.port, Math.ceil(SENTINELS / 2), clock.env));
  }
  // They find each other and the replicas through the master.
  while (!sentinels.every((sentinel) => knows(sentinel))) await delay(50);
  const hosts = sentinels.map(({ port }) => `${host('store')}:${port}`).join(',');
  return { redis, disks, sentinels, storeClocks, redisLinks, url: `redis+sentinel://${hosts}/main` };
}

/** What an instance knows a host by: a name, where that can go. */
function host(name: string): string {
  return inSandbox() ? name : '127.0.0.1';
}

/** A server that is killed has what it acknowledged when it is started again. */
const DURABLE = [
  '--appendonly',
  'yes',
  '--auto-aof-rewrite-min-size',
  '8mb',
  '--repl-diskless-sync-delay',
  '0',
  '--maxmemory-policy',
  'noeviction',
];

function knows(sentinel: RedisServer): boolean {
  const master = sentinel.cli('SENTINEL', 'MASTER', 'main').split('\n');
  const value = (name: string): number => Number(master[master.indexOf(name) + 1]);
  return value('num-slaves') === REPLICAS && value('num-other-sentinels') === SENTINELS - 1;
}

/** Configuration of the instances. Times are short, so that a run sees many of each. */
function environment(mode: Mode, url: string, loki: Link | undefined): Readonly<Record<string, string>> {
  return {
    HEARTBEAT_INTERVAL_SECONDS: String(HEARTBEAT_SECONDS),
    LOG_MESSAGE_SAMPLING: '0',
    DRAIN_SPREAD_SECONDS: '0.5',
    RETRY_AFTER_MAX_SECONDS: '1',
    ...(loki !== undefined && { LOKI_ENABLED: 'true', LOKI_URL: `http://${host('loki')}:${loki.port}` }),
    ...(mode === 'token' ? { RESUME_TOKEN_KEY: TOKEN_KEY } : { REDIS_URL: url }),
    ...(mode !== 'token' && { SESSION_DURABILITY: mode === 'relaxed' ? 'relaxed' : 'strict' }),
    ...(mode === 'replicated' && { STORE_REPLICAS: String(REPLICAS) }),
  };
}
