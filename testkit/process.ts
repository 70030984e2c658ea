import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { LogLine } from './app.ts';
import { BARE_ENVIRONMENT, TEST_OPTIONS } from './environment.ts';
import { Inbox } from './inbox.ts';
import type { Cleanup } from './redis.ts';
import { Scrape } from './scrape.ts';

const MAIN = new URL('../service/src/main.ts', import.meta.url).pathname;

/** The service as a process of its own, as it is run in production. */
export class ServiceProcess {
  readonly child: ChildProcess;
  /** Log lines, for those who wait for one. */
  readonly lines = new Inbox<LogLine>();
  /** Every log line so far, in order. */
  readonly log: LogLine[] = [];
  readonly exited: Promise<{ status: number | null; signal: string | null }>;
  stderr = '';
  port = 0;
  adminPort: number | undefined;
  metricsPort: number | undefined;

  constructor(env: Readonly<Record<string, string>>, args: readonly string[] = [], main = MAIN) {
    this.child = spawn(process.execPath, [main, ...args], {
      env: { ...BARE_ENVIRONMENT, NODE_ENV: 'production', ...TEST_OPTIONS, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    if (this.child.stdout !== null)
      createInterface(this.child.stdout).on('line', (text) => {
        const line = this.#parse(text);
        if (line === undefined) return;
        this.log.push(line);
        this.lines.put(line);
      });
    this.exited = once(this.child, 'close').then(([status, signal]) => ({
      status: status as number | null,
      signal: signal as string | null,
    }));
  }

  /**
   * Starts the service and waits until it is ready. It is killed when the test ends, if it still runs.
   * @param main path of another `main.ts`
   */
  static async start(t: Cleanup, env: Readonly<Record<string, string>> = {}, main = MAIN): Promise<ServiceProcess> {
    const service = new ServiceProcess(env, [], main);
    t.after(() => void service.child.kill('SIGKILL'));
    const ready = await Promise.race([service.event('service_listening'), service.exited]);
    if (!('event' in ready)) throw new Error(`the service did not start: ${service.stderr}`);
    service.port = ready['port'] as number;
    service.adminPort = ready['admin_port'] as number | undefined;
    service.metricsPort = ready['metrics_port'] as number | undefined;
    return service;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/ws/chat/`;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Waits for a line of this event. */
  event(event: string): Promise<LogLine> {
    return this.lines.next((line) => line.event === event);
  }

  scrape(): Promise<Scrape> {
    return Scrape.of(`http://127.0.0.1:${this.metricsPort ?? this.port}/metrics/`);
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Reads a line; SIGKILL may cut off the last one. */
  #parse(text: string): LogLine | undefined {
    try {
      return JSON.parse(text) as LogLine;
    } catch (error) {
      if (this.child.killed) return undefined;
      throw error;
    }
  }
}

/** Runs a program of the service to its end. */
export async function runToEnd(
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
  program = 'main.ts',
): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [new URL(`../service/src/${program}`, import.meta.url).pathname, ...args], {
    env: { ...BARE_ENVIRONMENT, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, stdout, stderr };
}
