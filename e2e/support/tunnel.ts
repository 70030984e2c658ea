import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { isRunning } from '../../lib/is-running.ts';
import { startKubectl } from './commands.ts';
import type { Release } from './release.ts';

/** A way to a pod, whatever Services and network policies say: `kubectl port-forward`. It lasts as long as the pod's network does. */
export class Tunnel {
  /** `host:port` at this end. */
  readonly address: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, address: string) {
    this.#child = child;
    this.address = address;
  }

  /**
   * Opens one.
   * @param target a pod's name, or what has pods: `deployment/x`
   * @param port of the pod; the service's by default
   * @throws {Error} with kubectl's words if that fails
   */
  static async open(release: Release, target: string, port = 8080): Promise<Tunnel> {
    const child = startKubectl('--namespace', release.namespace, 'port-forward', target, `:${port}`);
    let text = '';
    const address = await new Promise<string>((resolve, reject) => {
      const read = (chunk: Buffer): void => {
        text += chunk.toString();
        const found = /Forwarding from (127\.0\.0\.1:\d+)/.exec(text)?.[1];
        if (found !== undefined) resolve(found);
      };
      child.stdout?.on('data', read);
      child.stderr?.on('data', read);
      child.once('exit', () => {
        reject(new Error(`port-forward to ${target} ended: ${text}`));
      });
    });
    return new Tunnel(child, address);
  }

  /** Address for HTTP. */
  get httpUrl(): string {
    return `http://${this.address}`;
  }

  /** Address of the WebSocket endpoint. */
  get url(): string {
    return `ws://${this.address}/ws/chat/`;
  }

  async close(): Promise<void> {
    if (!isRunning(this.#child)) return;
    this.#child.kill();
    await once(this.#child, 'exit');
  }
}
