import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { InvalidArgumentError } from 'commander';
import { isFreePort } from '../../lib/free-port.ts';
import { FULL_NAME } from './names.ts';
import { Problem } from './problem.ts';
import type { Runner } from './runner.ts';

/** What is reachable on this machine while a trial is watched. */
export interface Part {
  readonly title: string;
  readonly service: string;
  readonly port: number;
  /** Path worth opening. */
  readonly path: string;
}

export const SERVICE: Part = { title: 'console page', service: FULL_NAME, port: 8080, path: '/' };
export const GRAFANA: Part = {
  title: 'Grafana',
  service: `${FULL_NAME}-grafana`,
  port: 3000,
  path: '/d/websocket-overview',
};
export const PARTS: readonly Part[] = [
  SERVICE,
  GRAFANA,
  { title: 'Prometheus', service: `${FULL_NAME}-prometheus`, port: 9090, path: '/alerts' },
  { title: 'Alertmanager', service: `${FULL_NAME}-alertmanager`, port: 9093, path: '/#/alerts' },
];

/** Highest offset with which each port is one. */
const MAX_OFFSET = 65_535 - Math.max(...PARTS.map(({ port }) => port));

/** Parses the value of an option: what is added to each port. For commander's `option()`. */
export function portOffset(text: string): number {
  const offset = Number(text);
  if (!/^\d+$/.test(text) || offset > MAX_OFFSET)
    throw new InvalidArgumentError(`It must be a whole number from 0 to ${MAX_OFFSET}.`);
  return offset;
}

/** Address of a part at this end. */
export function addressOf({ port, path }: Part, offset: number): string {
  return `http://localhost:${port + offset}${path}`;
}

/** @throws {Problem} if a port is in use, before anything is made */
export async function checkPorts(parts: readonly Part[], offset: number): Promise<void> {
  for (const { title, port } of parts)
    if (!(await isFreePort(port + offset)))
      throw new Problem(
        `Port ${port + offset}, for ${title}, is in use by another program: end that, or choose others by npm run try -- --port-offset ${(offset + 10_000) % MAX_OFFSET}`,
      );
}

/** Forwards ports until it is ended; a forward that ends with its pod is started again. */
export class Forwards {
  readonly #children = new Set<ChildProcess>();
  #ended = false;

  /** Resolves when each port answers. */
  async start(runner: Runner, parts: readonly Part[], offset: number): Promise<void> {
    await Promise.all(
      parts.map(async (part) => {
        await new Promise<void>((resolve) => void this.#keep(runner, part, offset, resolve));
      }),
    );
  }

  end(): void {
    this.#ended = true;
    for (const child of this.#children) child.kill();
  }

  async #keep(runner: Runner, { service, port }: Part, offset: number, ready: () => void): Promise<void> {
    const [program, ...args] = runner.kubectl('port-forward', `service/${service}`, `${port + offset}:${port}`);
    for (;;) {
      const child = spawn(program, args, { env: runner.env, stdio: ['ignore', 'pipe', 'pipe'] });
      this.#children.add(child);
      child.stdout.once('data', ready);
      // A forward to a pod that is gone ends at the next connection only, with this line.
      child.stderr.on('data', (text: Buffer) => /lost connection/.test(text.toString()) && child.kill());
      await once(child, 'close');
      this.#children.delete(child);
      if (this.#ended) return;
      await delay(300);
    }
  }
}

/** The command that opens a page in a browser; none where there is no display. */
export function opener(platform: NodeJS.Platform, env: NodeJS.ProcessEnv): string | undefined {
  if (platform === 'darwin') return 'open';
  if (platform === 'linux' && (env['DISPLAY'] !== undefined || env['WAYLAND_DISPLAY'] !== undefined)) return 'xdg-open';
  return undefined;
}

/** Opens a page. @returns whether that worked */
export function openPage(url: string): boolean {
  const program = opener(process.platform, process.env);
  return program !== undefined && spawnSync(program, [url], { stdio: 'ignore', timeout: 5000 }).status === 0;
}
