import { runWell } from './commands.ts';
import { PROMOTED_SECONDS, REDIS_CONFIG, WHOLE_SECONDS, type ReplicatedStore } from './replicated-store.ts';
import { ask, type StoreHost, type StoreServer } from './store-server.ts';
import { until } from './wait.ts';

const MASTERS = 3;
/** Decides sooner than by default (15 s). The two masters that are left go on while the third is being replaced. */
const CONFIG = [
  ...REDIS_CONFIG,
  'cluster-enabled yes',
  'cluster-config-file nodes.conf',
  'cluster-node-timeout 2000',
  'cluster-require-full-coverage no',
  'cluster-allow-replica-migration no',
];

/** A line of CLUSTER NODES. */
interface Node {
  readonly id: string;
  readonly ip: string;
  readonly flags: readonly string[];
  /** Id of the master; `-` for a master. */
  readonly of: string;
  readonly slots: boolean;
}

/** A Redis Cluster of three masters with a replica each. */
export class ClusterStore implements ReplicatedStore {
  readonly replicas = 1;
  readonly #host: StoreHost;
  #servers: readonly StoreServer[];

  private constructor(host: StoreHost, servers: readonly StoreServer[]) {
    this.#host = host;
    this.#servers = servers;
  }

  static async start(host: StoreHost): Promise<ClusterStore> {
    const names = Array.from({ length: MASTERS * 2 }, (_, index) => `redis-${index}`);
    const servers = await Promise.all(names.map((name) => host.launch(name, CONFIG)));
    const addresses = servers.map(({ ip, port }) => `${ip}:${port}`);
    await runWell('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes']);
    const store = new ClusterStore(host, servers);
    await store.#whole();
    return store;
  }

  get url(): string {
    return `redis+cluster://${this.#servers.map(({ host, port }) => `${host}:${port}`).join(',')}`;
  }

  async master(turn: number): Promise<{ master: StoreServer; replicas: readonly StoreServer[] }> {
    const nodes = await this.#nodes(this.#servers);
    const masters = nodes.filter(isMaster).sort((one, other) => (one.id < other.id ? -1 : 1));
    const node = masters[turn % masters.length];
    const serverOf = (each: Node | undefined): StoreServer[] => this.#servers.filter(({ ip }) => ip === each?.ip);
    const [master] = serverOf(node);
    if (master === undefined) throw new Error('the Cluster has no master');
    return { master, replicas: nodes.filter(({ of }) => of === node?.id).flatMap(serverOf) };
  }

  others(server: StoreServer): readonly StoreServer[] {
    return this.#servers.filter(({ ip }) => ip !== server.ip);
  }

  async promoted(old: StoreServer): Promise<void> {
    await until(`another master than ${old.name}`, PROMOTED_SECONDS, async () => {
      const masters = (await this.#nodes(this.others(old))).filter(isMaster);
      return masters.length === MASTERS && masters.every(({ ip }) => ip !== old.ip);
    });
  }

  async repair(killed: readonly StoreServer[]): Promise<void> {
    for (const server of killed) {
      const rest = this.others(server);
      const before = await this.#nodes(rest);
      const gone = before.find(({ ip }) => ip === server.ip);
      const lacking = before.find(
        (node) => isMaster(node) && !before.some(({ of, ip }) => of === node.id && ip !== server.ip),
      );
      // First: nobody may tell the new one of it.
      if (gone !== undefined) for (const each of rest) await ask(each, 'CLUSTER', 'FORGET', gone.id);
      await this.#host.remove(server);
      const again = await this.#host.launch(server.name, CONFIG);
      this.#servers = [...rest, again];
      const [first] = rest;
      if (first === undefined || lacking === undefined) throw new Error('no master lacks a replica');
      await ask(again, 'CLUSTER', 'MEET', first.ip, String(first.port));
      await until(`${server.name} being one of the Cluster`, WHOLE_SECONDS, async () =>
        (await ask(again, 'CLUSTER', 'REPLICATE', lacking.id)).startsWith('OK'),
      );
    }
    await this.#whole();
  }

  /** What the first of some servers that answers says. */
  async #nodes(servers: readonly StoreServer[]): Promise<readonly Node[]> {
    for (const server of servers) {
      const text = await ask(server, 'CLUSTER', 'NODES').catch(() => undefined);
      if (text !== undefined) return text.split('\n').map(parseNode);
    }
    throw new Error('no server of the Cluster answers');
  }

  async #whole(): Promise<void> {
    await until('a Cluster of which each server knows every other one', WHOLE_SECONDS, async () => {
      for (const server of this.#servers) {
        const nodes = await this.#nodes([server]);
        const masters = nodes.filter(isMaster);
        const followed = masters.filter(({ id }) =>
          nodes.some(({ of, flags }) => of === id && !flags.includes('fail')),
        );
        if (nodes.length !== MASTERS * 2 || masters.length !== MASTERS || followed.length !== MASTERS) return false;
        if (!(await ask(server, 'CLUSTER', 'INFO')).includes('cluster_state:ok')) return false;
        const info = await ask(server, 'INFO', 'replication');
        if (!/^role:master/m.test(info) ? !/^master_link_status:up/m.test(info) : !info.includes('state=online'))
          return false;
      }
      return true;
    });
  }
}

function parseNode(line: string): Node {
  const [id = '', address = '', flags = '', of = '', , , , , ...slots] = line.trim().split(' ');
  return { id, ip: address.split(':')[0] ?? '', flags: flags.split(','), of, slots: slots.length > 0 };
}

/** One with slots that is there, as far as is known. */
function isMaster({ flags, slots }: Node): boolean {
  return slots && flags.includes('master') && !flags.includes('fail');
}
