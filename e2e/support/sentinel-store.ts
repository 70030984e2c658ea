import { PROMOTED_SECONDS, REDIS_CONFIG, WHOLE_SECONDS, type ReplicatedStore } from './replicated-store.ts';
import { ask, type StoreHost, type StoreServer } from './store-server.ts';
import { until } from './wait.ts';

const REPLICAS = 2;
const SENTINELS = 3;
const NAME = 'main';

/** One master, two replicas, and three Sentinels of which two decide. */
export class SentinelStore implements ReplicatedStore {
  readonly replicas = REPLICAS;
  readonly url: string;
  readonly #host: StoreHost;
  readonly #sentinels: readonly StoreServer[];
  #servers: readonly StoreServer[];

  private constructor(host: StoreHost, servers: readonly StoreServer[], sentinels: readonly StoreServer[]) {
    this.#host = host;
    this.#servers = servers;
    this.#sentinels = sentinels;
    this.url = `redis+sentinel://${sentinels.map(({ host, port }) => `${host}:${port}`).join(',')}/${NAME}`;
  }

  static async start(host: StoreHost): Promise<SentinelStore> {
    const master = await host.launch('redis-0', REDIS_CONFIG);
    const replicas = Array.from({ length: REPLICAS }, (_, index) =>
      host.launch(`redis-${index + 1}`, replicaConfig(master)),
    );
    const sentinels = Array.from({ length: SENTINELS }, (_, index) =>
      host.launch(`sentinel-${index}`, sentinelConfig(master), 'sentinel'),
    );
    const servers = [master, ...(await Promise.all(replicas))];
    const store = new SentinelStore(host, servers, await Promise.all(sentinels));
    await store.#whole();
    return store;
  }

  async master(): Promise<{ master: StoreServer; replicas: readonly StoreServer[] }> {
    const ip = await this.#masterIp();
    const master = this.#servers.find((server) => server.ip === ip);
    if (master === undefined) throw new Error(`the Sentinels name ${ip} as master, which is no server of the set`);
    return { master, replicas: this.#servers.filter((server) => server !== master) };
  }

  others(server: StoreServer): readonly StoreServer[] {
    return [...this.#servers, ...this.#sentinels].filter(({ ip }) => ip !== server.ip);
  }

  async promoted({ name, ip }: StoreServer): Promise<void> {
    await until(`another master than ${name}`, PROMOTED_SECONDS, async () => {
      const now = await this.#masterIp();
      return now !== ip && /^role:master/m.test(await ask(this.#at(now), 'INFO', 'replication'));
    });
  }

  async repair(killed: readonly StoreServer[]): Promise<void> {
    for (const server of killed) {
      await this.#host.remove(server);
      const { master } = await this.master();
      const again = await this.#host.launch(server.name, replicaConfig(master));
      this.#servers = this.#servers.map((each) => (each === server ? again : each));
    }
    if (killed.length > 0) await this.#forget();
    await this.#whole();
  }

  /** Lets the Sentinels find each other and the replicas again: by themselves they never forget an address. */
  async #forget(): Promise<void> {
    // One that still has the old master would be alone with it for ever.
    await until('Sentinels that agree', WHOLE_SECONDS, async () => new Set(await this.#views('ip')).size === 1);
    for (const sentinel of this.#sentinels) await ask(sentinel, 'SENTINEL', 'RESET', NAME);
  }

  /** What each Sentinel says of the master. */
  async #views(field: string): Promise<readonly string[]> {
    const texts = await Promise.all(this.#sentinels.map((sentinel) => ask(sentinel, 'SENTINEL', 'MASTER', NAME)));
    return texts.map((text) => {
      const lines = text.split('\n');
      return lines[lines.indexOf(field) + 1] ?? '';
    });
  }

  #at(ip: string): StoreServer {
    return { name: ip, host: ip, ip, port: 6379, pid: 0 };
  }

  async #masterIp(): Promise<string> {
    const [sentinel] = this.#sentinels;
    if (sentinel === undefined) throw new Error('there is no Sentinel');
    return (await ask(sentinel, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)).split('\n')[0] ?? '';
  }

  async #whole(): Promise<void> {
    await until('Sentinels that agree, and replicas that follow', WHOLE_SECONDS, async () => {
      const { master, replicas } = await this.master();
      const info = await ask(master, 'INFO', 'replication');
      const all = async (field: string, wanted: string | number): Promise<boolean> =>
        (await this.#views(field)).every((value) => value === String(wanted));
      return (
        (await all('ip', master.ip)) &&
        (await all('flags', 'master')) &&
        (await all('num-slaves', REPLICAS)) &&
        (await all('num-other-sentinels', SENTINELS - 1)) &&
        replicas.every(({ ip }) => new RegExp(`ip=${ip},port=\\d+,state=online`).test(info))
      );
    });
  }
}

function replicaConfig({ ip, port }: StoreServer): readonly string[] {
  return [...REDIS_CONFIG, `replicaof ${ip} ${port}`];
}

/** Decides sooner than by default (30 s), so that more failovers can be tried. */
function sentinelConfig({ ip, port }: StoreServer): readonly string[] {
  return [
    `sentinel monitor ${NAME} ${ip} ${port} ${Math.ceil(SENTINELS / 2)}`,
    `sentinel down-after-milliseconds ${NAME} 2000`,
    `sentinel failover-timeout ${NAME} 10000`,
    `sentinel parallel-syncs ${NAME} ${REPLICAS}`,
  ];
}
