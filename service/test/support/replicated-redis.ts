import { setTimeout as delay } from 'node:timers/promises';
import { TOOLS } from '../../../scripts/tools.ts';
import { useTool, type ToolUse } from '../../../testkit/find-tool.ts';
import { RedisServer, type Cleanup } from '../../../testkit/redis.ts';
import { StoppableProxy } from './stoppable-proxy.ts';

/** Servers that know WAITAOF. In them, WAIT counts from a connection's last write, not from its last command. */
export const NEWER_SERVERS: readonly (readonly [name: string, program: ToolUse])[] = [
  ['Redis 8', useTool(TOOLS.redis8)],
  ['Valkey 9', useTool(TOOLS.valkey)],
];

/** Every server that is tried: first Debian's, Redis 7.0. */
export const SERVERS: typeof NEWER_SERVERS = [
  ["the system's Redis", { path: 'redis-server', skip: false }],
  ...NEWER_SERVERS,
];

/** A master, and a replica that receives through a proxy. */
export interface ReplicatedRedis {
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly stream: StoppableProxy;
}

/** Starts the two, and waits until the replica follows. */
export async function startReplicated(
  t: Cleanup,
  program = 'redis-server',
  args: readonly string[] = [],
): Promise<ReplicatedRedis> {
  const master = await RedisServer.start(t, ['--repl-diskless-sync-delay', '0', ...args], program);
  const stream = await StoppableProxy.start(t, master.port);
  const replica = await startReplica(t, stream.port, program, args);
  await followed(master, 1);
  return { master, replica, stream };
}

/** Starts a replica. */
export function startReplica(
  t: Cleanup,
  port: number,
  program = 'redis-server',
  args: readonly string[] = [],
): Promise<RedisServer> {
  return RedisServer.start(t, ['--replicaof', '127.0.0.1', String(port), ...args], program);
}

/** Waits until so many replicas follow. */
export async function followed(master: RedisServer, replicas: number): Promise<void> {
  const online = async (): Promise<number> =>
    (await master.ask('INFO', 'replication')).match(/state=online/g)?.length ?? 0;
  while ((await online()) < replicas) await delay(20);
}

/** What happens first: something is told, or a connection that was made after `since` waits for the replica. */
export async function toldOrWaiting<T>(told: Promise<T>, server: RedisServer, since = 0): Promise<T | 'waiting'> {
  let settled = false;
  const watched = told.finally(() => (settled = true));
  watched.catch(() => undefined);
  while (!settled && !(await connections(server)).some(({ id, waits }) => waits && id > since)) await delay(5);
  return settled ? watched : 'waiting';
}

/** Number of the newest connection that a server has. */
export async function newestConnection(server: RedisServer): Promise<number> {
  return Math.max(...(await connections(server)).map(({ id }) => id));
}

async function connections(server: RedisServer): Promise<{ readonly id: number; readonly waits: boolean }[]> {
  const list = (await server.ask('CLIENT', 'LIST')).matchAll(/^id=(\d+) .* flags=(\S+)/gm);
  return [...list].map(([, id, flags]) => ({ id: Number(id), waits: flags?.includes('b') === true }));
}
