import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { get } from 'node:http';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as delay } from 'node:timers/promises';
import { isRunning } from '../../lib/is-running.ts';
import { getText } from '../../lib/http-get.ts';
import { Inbox } from '../../testkit/inbox.ts';
import { Scrape } from '../../testkit/scrape.ts';
import type { SERVERS } from './bench.ts';
import { UNTOLD, type LoopSample } from './loop-sample.ts';
import { keepTo } from './cores.ts';
import type { MemoryUse } from './memory-probe.ts';
import {
  bareProgram,
  centrifugo,
  centrifugoProgram,
  countingHandler,
  loopProbe,
  memoryProbe,
  serviceProgram,
  serviceSource,
  channelsProgram,
  channelsPython,
  socketIoProgram,
} from './programs.ts';

/** Which server: the service as it is shipped, the same from its sources, the bare `ws` server, or another of its trade. */
export type ServerKind = (typeof SERVERS)[number] | 'source';

/** How a server is started. */
export interface ServerOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Loads the memory probe, for {@link ServerProcess.memory}. */
  readonly memoryProbe?: boolean;
  /** The service from its sources counts, whatever its handler.ts does. */
  readonly counting?: boolean;
  /** Loads the loop probe, for {@link ServerProcess.sample}. */
  readonly loopProbe?: boolean;
  /** Its log is read and thrown away once it listens: looking at each line would take the CPU time that it is to have. */
  readonly discardLog?: boolean;
  /** Keeps it, once it listens, to the core that is the server's alone. */
  readonly ownCore?: boolean;
  /** Looks at each whole line of the log, beside the process' own. */
  readonly onLine?: (line: string) => void;
}

/** A line of the process' own log, as opposed to its connections'. */
type ProcessLine = Readonly<Record<string, unknown>> & { readonly event: string };

/** What is run, and by what. Node.js' programs can be probed. */
const PROGRAMS: Readonly<Record<ServerKind, { readonly program: () => string; readonly by?: () => string }>> = {
  service: { program: serviceProgram },
  source: { program: serviceSource },
  bare: { program: bareProgram },
  'socket.io': { program: socketIoProgram },
  channels: { program: channelsProgram, by: channelsPython },
  centrifugo: { program: centrifugoProgram, by: () => 'bash' },
};
/** How long a server may take to start or to answer. */
const PATIENCE_MS = 60_000;
/** How long a probe may take: to collect all garbage several times, beside three others that do the same. */
const PROBE_PATIENCE_MS = 60_000;
/** Clock ticks of proc(5): 100 on every Linux in use. */
const TICKS_PER_SECOND = 100;
/** Of the machines this runs on, x86-64 and arm64 with their usual kernels. */
const PAGE_BYTES = 4096;

/** Servers that run: none outlives this process. */
const started = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of started) child.kill('SIGKILL');
});

/** A server as a process of its own. Its log is read, as in production, since writing it is part of its work. */
export class ServerProcess {
  readonly child: ChildProcess;
  /** When it was spawned, on `performance.now`'s clock. */
  readonly spawnedAt: number;
  readonly exited: Promise<{ readonly status: number | null; readonly signal: string | null }>;
  /** Whether a probe is in it; it never is in what Node.js does not run. */
  readonly probed: boolean;
  port = 0;
  stderr = '';
  readonly #lines = new Inbox<ProcessLine>();
  /** Who reads the log that nobody looks at. */
  #logReader: ChildProcess | undefined;

  private constructor(kind: ServerKind, { env = {}, onLine, ...options }: ServerOptions) {
    const { program, by } = PROGRAMS[kind];
    this.probed = by === undefined && (options.memoryProbe === true || options.loopProbe === true);
    const probes = !this.probed
      ? []
      : [
          ...(options.memoryProbe === true ? ['--expose-gc', '--import', memoryProbe()] : []),
          ...(options.loopProbe === true ? ['--import', loopProbe()] : []),
        ];
    const command = by?.() ?? process.execPath;
    const args = [...probes, ...(options.counting === true ? ['--import', countingHandler()] : []), program()];
    // What builds the program above is no part of its start.
    this.spawnedAt = performance.now();
    this.child = spawn(command, args, {
      env: {
        PATH: process.env['PATH'],
        NODE_ENV: 'production',
        PORT: '0',
        ADMIN_PORT: '0',
        HOST: '127.0.0.1',
        ...(kind === 'centrifugo' && { CENTRIFUGO: centrifugo() }),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe', ...(this.probed ? (['ipc'] as const) : [])],
    });
    started.add(this.child);
    this.child.once('exit', () => started.delete(this.child));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.#readLog(onLine);
    this.exited = once(this.child, 'close').then(([status, signal]) => ({
      status: status as number | null,
      signal: signal as string | null,
    }));
  }

  /** Starts a server and waits until it listens. */
  static async start(kind: ServerKind, options: ServerOptions = {}): Promise<ServerProcess> {
    const server = new ServerProcess(kind, options);
    const line = await Promise.race([server.event('service_listening'), server.exited]);
    if (!('event' in line)) throw new Error(`the ${kind} server did not start: ${server.stderr}`);
    server.port = line['port'] as number;
    if (options.discardLog === true) server.#discardLog();
    if (options.ownCore === true) {
      keepTo('server', server.pid);
      keepTo('others', server.#logReader?.pid);
    }
    return server;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get running(): boolean {
    return isRunning(this.child);
  }

  /** Resident memory, in bytes (proc(5)). */
  get residentBytes(): number {
    const [, pages = '0'] = readFileSync(`/proc/${this.pid}/statm`, 'utf8').split(' ');
    return Number(pages) * PAGE_BYTES;
  }

  /** Files, sockets and pipes it has open (proc(5)). */
  get openFiles(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  /** Waits for a line of this event in the process' own log. */
  event(event: string): Promise<ProcessLine> {
    return this.#lines.next((line) => line.event === event);
  }

  /** What its metrics say, asked for on a connection of its own. */
  async scrape(): Promise<Scrape> {
    const { body } = await getText(new URL(`http://127.0.0.1:${this.port}/metrics/`), PATIENCE_MS);
    return new Scrape(body);
  }

  /** Asks for a page on a connection of its own. @returns the status */
  async status(path: string): Promise<number> {
    const request = get({ port: this.port, host: '127.0.0.1', path, agent: false, timeout: PATIENCE_MS });
    const [response] = (await once(request, 'response')) as [{ statusCode: number; resume: () => void }];
    response.resume();
    return response.statusCode;
  }

  /** What it holds: with the memory probe after full collections, else its resident memory as it is. */
  async memory(): Promise<MemoryUse> {
    if (this.probed) return this.#ask<MemoryUse>('measure');
    return { rss: this.residentBytes, heapUsed: NaN, external: NaN, arrayBuffers: NaN };
  }

  /** What it has done so far: with the loop probe all of it, else CPU time and memory as the kernel tells them. */
  async sample(): Promise<LoopSample> {
    if (this.probed) return this.#ask<LoopSample>('sample');
    const { cpuMicros, residentBytes } = this;
    return { ...UNTOLD, atMs: performance.now(), cpuMicros, residentBytes };
  }

  /** CPU time of all threads so far, in microseconds, to ten milliseconds (proc(5)). */
  get cpuMicros(): number {
    const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return ((Number(fields[11]) + Number(fields[12])) * 1e6) / TICKS_PER_SECOND;
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  /** What the process is at, for the one who waits for it in vain. */
  async #state(): Promise<string> {
    if (!this.running) return `it has ended: ${this.stderr}`;
    const state = /^State:\s*(.+)$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1] ?? 'unknown';
    const health = await Promise.race([this.status('/healthz/').catch(String), delay(5000, 'nothing')]);
    return `its state is ${state}, and /healthz/ answers ${health}`;
  }

  async #ask<Answer>(question: string): Promise<Answer> {
    this.child.send(question);
    const answer = once(this.child, 'message', { signal: AbortSignal.timeout(PROBE_PATIENCE_MS) });
    const [told] = (await answer.catch(async (cause: unknown) => {
      throw new Error(`no answer to "${question}" within ${PROBE_PATIENCE_MS / 1000} s; ${await this.#state()}`, {
        cause,
      });
    })) as [Answer];
    return told;
  }

  /** Leaves the log to a reader as light as a container runtime's: garbage of this process would be collected beside the server. */
  #discardLog(): void {
    const { stdout } = this.child;
    if (stdout === null) return;
    stdout.removeAllListeners('data').pause();
    this.#logReader = spawn('cat', { stdio: [stdout, 'ignore', 'inherit'] });
    stdout.destroy();
  }

  /** Lines of connections are many, and only `onLine` looks at them: parsing them would cost more than the server's work. */
  #readLog(onLine: ((line: string) => void) | undefined): void {
    const decoder = new StringDecoder('utf8');
    let rest = '';
    this.child.stdout?.on('data', (chunk: Buffer) => {
      const lines = (rest + decoder.write(chunk)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        onLine?.(line);
        if (!line.includes('"event":"websocket_')) this.#lines.put(JSON.parse(line) as ProcessLine);
      }
    });
  }
}
