import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { TOOLS } from '../../scripts/tools.ts';
import { freePort } from '../../testkit/free-port.ts';
import type { Cleanup } from '../../testkit/redis.ts';

/** HAProxy before the instances, configured as docs/proxies.md shows, with checks that are quicker. */
export class Balancer {
  readonly port: number;
  readonly #file: string;
  #child: ChildProcess | undefined;

  private constructor(port: number, file: string) {
    this.port = port;
    this.#file = file;
  }

  /** @param instances ports that it balances over */
  static async start(t: Cleanup, instances: readonly number[]): Promise<Balancer> {
    const folder = mkdtempSync(join(tmpdir(), 'wmc-balancer-'));
    const port = await freePort();
    const file = join(folder, 'haproxy.cfg');
    writeFileSync(file, configuration(port, instances));
    const balancer = new Balancer(port, file);
    t.after(() => {
      balancer.#child?.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    });
    await balancer.up();
    return balancer;
  }

  async up(): Promise<void> {
    // One process: -db has no master process that would live on after a kill.
    this.#child = spawn(TOOLS.haproxy.find() ?? TOOLS.haproxy.name, ['-db', '-q', '-f', this.#file], {
      stdio: 'ignore',
    });
    while (!(await this.#listens())) await delay(20);
  }

  /** Every client loses its connection in one moment. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  #listens(): Promise<boolean> {
    const socket = connect(this.port, '127.0.0.1');
    return once(socket, 'connect')
      .then(
        () => true,
        () => false,
      )
      .finally(() => socket.destroy());
  }
}

function configuration(port: number, instances: readonly number[]): string {
  return `defaults
  mode http
  timeout connect 500ms
  timeout client 30s
  timeout server 30s
  timeout tunnel 30s
  timeout client-fin 2s
  timeout check 500ms
frontend chat
  bind 127.0.0.1:${port}
  default_backend instances
backend instances
  balance leastconn
  option httpchk GET /readyz/
  http-check expect status 200
  retries 3
  retry-on conn-failure empty-response 503
  option redispatch 1
  default-server check inter 200ms fall 2 rise 1
${instances.map((instance, index) => `  server s${index} 127.0.0.1:${instance}`).join('\n')}
`;
}
