import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { isRunning } from '../../lib/is-running.ts';
import { TOOLS } from '../../scripts/tools.ts';
import { freePort } from '../../testkit/free-port.ts';
import type { Cleanup } from '../../testkit/redis.ts';
import { inside } from './sandbox.ts';

/** What happens to the bytes of one direction (toxiproxy's README, "Toxics"). */
export interface Toxic {
  readonly type: 'latency' | 'bandwidth' | 'timeout' | 'limit_data' | 'slicer';
  /** `upstream` is towards the server. */
  readonly stream: 'upstream' | 'downstream';
  readonly attributes: Readonly<Record<string, number>>;
}

/**
 * A link between two programs: a Toxiproxy of its own. One that leads several links can get stuck, and all of them with it: version
 * 2.5.0 waits forever when a toxic is removed from a connection that ended while it held bytes back.
 */
export class Link {
  readonly name: string;
  /** Where it listens. */
  readonly port: number;
  readonly #target: number;
  readonly #apiPort: number;
  #child: ChildProcess | undefined;

  private constructor(name: string, port: number, target: number, apiPort: number) {
    this.name = name;
    this.port = port;
    this.#target = target;
    this.#apiPort = apiPort;
  }

  /** Opens a link to a port of this machine. */
  static async open(t: Cleanup, name: string, target: number): Promise<Link> {
    const link = new Link(name, await freePort(), target, await freePort());
    t.after(() => link.#kill());
    await link.#up();
    return link;
  }

  /** Ends all connections, and refuses new ones, until it is mended. */
  async cut(): Promise<() => Promise<void>> {
    await this.#set({ enabled: false });
    return () => this.#set({ enabled: true });
  }

  /** Leads to another port, for connections from now on. */
  async divert(target: number): Promise<() => Promise<void>> {
    await this.#set({ upstream: `127.0.0.1:${target}` });
    return () => this.#set({ upstream: `127.0.0.1:${this.#target}` });
  }

  /** Poisons it, until the toxics are removed again. */
  async poison(toxics: readonly Toxic[]): Promise<() => Promise<void>> {
    for (const [index, toxic] of toxics.entries())
      await this.#request('POST', '/link/toxics', { name: String(index), toxicity: 1, ...toxic });
    return async () => {
      try {
        for (const index of toxics.keys()) await this.#request('DELETE', `/link/toxics/${index}`);
      } catch {
        await this.#kill();
        await this.#up();
      }
    };
  }

  /** Drops packets. @param which words of iptables, which get the link's port */
  drop(which: (port: string) => readonly string[]): () => void {
    const rule = ['INPUT', '--protocol', 'tcp', ...which(String(this.port)), '--jump', 'DROP'];
    inside('iptables', '--wait', '--append', ...rule);
    return () => {
      inside('iptables', '--wait', '--delete', ...rule);
    };
  }

  #set(fields: object): Promise<void> {
    return this.#request('POST', '/link', fields);
  }

  async #up(): Promise<void> {
    const program = TOOLS.toxiproxy.find() ?? TOOLS.toxiproxy.name;
    this.#child = spawn(program, ['-host', '127.0.0.1', '-port', String(this.#apiPort)], { stdio: 'ignore' });
    const created = { name: 'link', listen: `127.0.0.1:${this.port}`, upstream: `127.0.0.1:${this.#target}` };
    while (!(await this.#listens())) await delay(20);
    await this.#request('POST', '', created);
  }

  async #kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || !isRunning(child)) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  #listens(): Promise<boolean> {
    return fetch(`http://127.0.0.1:${this.#apiPort}/version`).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  async #request(method: string, path: string, body?: object): Promise<void> {
    const response = await fetch(`http://127.0.0.1:${this.#apiPort}/proxies${path}`, {
      method,
      signal: AbortSignal.timeout(STUCK_MS),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!response.ok)
      throw new Error(`toxiproxy answers ${response.status} to ${method} ${path}: ${await response.text()}`);
  }
}

/** Time after which a Toxiproxy is stuck. */
const STUCK_MS = 3000;
