import { isRunning } from '../../lib/is-running.ts';
import { freePort } from '../../testkit/free-port.ts';
import { ServiceProcess } from '../../testkit/process.ts';
import type { Cleanup } from '../../testkit/redis.ts';
import { Clock } from './clock.ts';
import type { Undo } from './undo.ts';
import { squeeze } from './memory-group.ts';

/** Exit status of a drain that left counts unwritten. */
const UNWRITTEN = 3;

/**
 * The heap that V8 has in a container of 512 MiB, the chart's limit, with 65 % of it for the old generation, as the chart
 * says. Without a limit the young one has up to 128 MiB, and the old one is collected later.
 */
const AS_IN_CONTAINER = '--max-semi-space-size=1 --max-old-space-size=333';

/** How a process of the service ended, if not as it was told to. */
export type Mishap = 'unwritten' | 'out of memory' | 'by itself';

/** A place for a process of the service: always the same port, one process after the other, as a container that is restarted. */
export class Instance {
  readonly name: string;
  readonly port: number;
  /** Every process so far; the last one is there now. */
  readonly processes: ServiceProcess[] = [];
  readonly clock: Clock;
  readonly #env: Readonly<Record<string, string>>;
  readonly #onMishap: (mishap: Mishap, detail: string) => void;
  /** What asked the process to end. */
  #ending: NodeJS.Signals | undefined;
  #squeezed = false;

  private constructor(
    name: string,
    port: number,
    clock: Clock,
    env: Readonly<Record<string, string>>,
    onMishap: (mishap: Mishap, detail: string) => void,
  ) {
    this.name = name;
    this.port = port;
    const options = [AS_IN_CONTAINER, env['NODE_OPTIONS'] ?? ''].join(' ');
    this.#env = { ...env, ...clock.env, PORT: String(port), POD_NAME: name, NODE_OPTIONS: options };
    this.clock = clock;
    this.#onMishap = onMishap;
  }

  static async start(
    t: Cleanup,
    name: string,
    env: Readonly<Record<string, string>>,
    onMishap: (mishap: Mishap, detail: string) => void,
  ): Promise<Instance> {
    const instance = new Instance(name, await freePort(), new Clock(t, name), env, onMishap);
    t.after(() => instance.kill());
    await instance.up();
    return instance;
  }

  get process(): ServiceProcess {
    const last = this.processes.at(-1);
    if (last === undefined) throw new Error(`${this.name} was not started`);
    return last;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts a process, and waits until it listens. */
  async up(): Promise<void> {
    const service = new ServiceProcess(this.#env);
    this.processes.push(service);
    this.#ending = undefined;
    void service.exited.then(({ status, signal }) => {
      const mishap = this.#mishap(status, signal);
      const detail = `${this.name} ended with ${signal ?? `status ${status}`} ${service.stderr.slice(-500)}`;
      if (mishap !== undefined) this.#onMishap(mishap, detail);
    });
    await Promise.race([service.event('service_listening'), service.exited]);
    service.port = this.port;
  }

  /** Kills it, and waits until it is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Ends it in order, as a rollout does, and waits until it has ended. */
  async drain(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** Lets it have hardly more memory; if the kernel kills it then, another one is started at the end. */
  squeeze(): Undo {
    const { pid = 0 } = this.process.child;
    this.#squeezed = true;
    const undo = squeeze(pid);
    return async () => {
      await undo();
      this.#squeezed = false;
      if (isRunning(this.process.child)) return;
      await this.process.exited;
      await this.up();
    };
  }

  #mishap(status: number | null, signal: string | null): Mishap | undefined {
    if (this.#ending === 'SIGKILL') return undefined;
    if (this.#squeezed && signal === 'SIGKILL') return 'out of memory';
    if (this.#ending === undefined || (status !== 0 && status !== UNWRITTEN)) return 'by itself';
    return status === UNWRITTEN ? 'unwritten' : undefined;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    this.#ending = signal;
    this.process.signal(signal);
    await this.process.exited;
  }
}
