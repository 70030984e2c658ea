import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { TOOLS } from '../../scripts/tools.ts';
import { freePort } from '../../testkit/free-port.ts';
import type { Cleanup } from '../../testkit/redis.ts';

/** What happens to the bytes of one direction (toxiproxy's README, "Toxics"). */
export interface Toxic {
  readonly type: 'latency' | 'bandwidth' | 'timeout' | 'limit_data' | 'slicer';
  /** `upstream` is towards the server. */
  readonly stream: 'upstream' | 'downstream';
  readonly attributes: Readonly<Record<string, number>>;
}

/** Toxiproxy, a TCP proxy in a process of its own: every link between the programs of a run leads through it. */
export class Toxiproxy {
  readonly #api: string;

  private constructor(api: string) {
    this.#api = api;
  }

  static async start(t: Cleanup): Promise<Toxiproxy> {
    const port = await freePort();
    const child = spawn(TOOLS.toxiproxy.find() ?? TOOLS.toxiproxy.name, ['-host', '127.0.0.1', '-port', String(port)], {
      stdio: 'ignore',
    });
    t.after(() => void child.kill('SIGKILL'));
    const proxy = new Toxiproxy(`http://127.0.0.1:${port}`);
    while (!(await fetch(`${proxy.#api}/version`).catch(() => undefined))?.ok) await delay(20);
    return proxy;
  }

  /** Opens a link to a port of this machine. */
  async link(name: string, target: number): Promise<Link> {
    const port = await freePort();
    const link = new Link(`${this.#api}/proxies/${name}`, name, port, target);
    await link.open();
    return link;
  }
}

/** A link between two programs. */
export class Link {
  readonly name: string;
  /** Where it listens. */
  readonly port: number;
  readonly upstream: string;
  readonly #api: string;

  constructor(api: string, name: string, port: number, target: number) {
    this.#api = api;
    this.name = name;
    this.port = port;
    this.upstream = `127.0.0.1:${target}`;
  }

  /** Ends all connections, and refuses new ones, until it is mended. */
  async cut(): Promise<() => Promise<void>> {
    await request(this.#api, 'POST', { enabled: false });
    return () => request(this.#api, 'POST', { enabled: true });
  }

  /** Leads to another port, for new connections and those there are. */
  async divert(target: number): Promise<() => Promise<void>> {
    await request(this.#api, 'POST', { upstream: `127.0.0.1:${target}` });
    return () => request(this.#api, 'POST', { upstream: this.upstream });
  }

  /** Poisons it, until the toxics are removed again. */
  async poison(toxics: readonly Toxic[]): Promise<() => Promise<void>> {
    for (const [index, toxic] of toxics.entries())
      await request(`${this.#api}/toxics`, 'POST', { name: `toxic-${index}`, toxicity: 1, ...toxic });
    return async () => {
      try {
        for (const index of toxics.keys()) await request(`${this.#api}/toxics/toxic-${index}`, 'DELETE');
      } catch {
        // Toxiproxy 2.5.0 can get stuck when a toxic is removed from a connection that does not read.
        await request(this.#api, 'DELETE');
        await this.open();
      }
    };
  }

  /** Listens. */
  async open(): Promise<void> {
    const { name, upstream } = this;
    const all = this.#api.slice(0, this.#api.lastIndexOf('/'));
    await request(all, 'POST', { name, upstream, listen: `127.0.0.1:${this.port}` });
  }
}

async function request(url: string, method: string, body?: object): Promise<void> {
  const response = await fetch(url, { method, ...(body !== undefined && { body: JSON.stringify(body) }) });
  if (!response.ok)
    throw new Error(`toxiproxy answers ${response.status} to ${method} ${url}: ${await response.text()}`);
}
