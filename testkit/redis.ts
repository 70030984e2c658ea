import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { isRunning } from '../lib/is-running.ts';
import { freePort } from './free-port.ts';

/** What a test needs to be able to end something after itself: a test's context, or a suite's `after`. */
export interface Cleanup {
  readonly after: (work: () => void | Promise<void>) => void;
}

/** Variables that a server has beside those of this process. */
type Environment = Readonly<Record<string, string>>;

const CLI_OPTIONS = { encoding: 'utf8', timeout: 60_000, maxBuffer: 1e8 } as const;

/** A real redis-server as a process of its own, without persistence unless asked for. */
export class RedisServer {
  readonly port: number;
  readonly #args: readonly string[];
  readonly #program: string;
  readonly #env: Environment;
  #child: ChildProcess;

  private constructor(child: ChildProcess, port: number, args: readonly string[], program: string, env: Environment) {
    this.#child = child;
    this.port = port;
    this.#args = args;
    this.#program = program;
    this.#env = env;
  }

  /** Starts a server on a free port, and waits until it takes commands. */
  static async start(
    t: Cleanup,
    args: readonly string[] = [],
    program = 'redis-server',
    env: Environment = {},
  ): Promise<RedisServer> {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'wmc-redis-'));
    const options = ['--port', String(port), '--dir', folder, '--save', '', '--bind', '127.0.0.1', ...args];
    return RedisServer.#run(t, program, folder, port, configuration(options), env);
  }

  /**
   * Starts a Sentinel that decides soon. It knows the master on this port as `main`.
   * @param quorum Sentinels that must agree that the master is down; 1 decides alone
   */
  static async startSentinel(t: Cleanup, master: number, quorum = 1, env: Environment = {}): Promise<RedisServer> {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'wmc-sentinel-'));
    const options = [
      `port ${port}`,
      'bind 127.0.0.1',
      `sentinel monitor main 127.0.0.1 ${master} ${quorum}`,
      'sentinel down-after-milliseconds main 500',
      'sentinel failover-timeout main 3000',
    ];
    return RedisServer.#run(t, 'redis-sentinel', folder, port, `${options.join('\n')}\n`, env);
  }

  static async #run(
    t: Cleanup,
    program: string,
    folder: string,
    port: number,
    text: string,
    env: Environment,
  ): Promise<RedisServer> {
    const file = join(folder, 'redis.conf');
    writeFileSync(file, text);
    const server = new RedisServer(await launch(program, [file], env), port, [file], program, env);
    t.after(() => {
      server.#child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    });
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Sends a command, and gives the reply as the server writes it (RESP): unlike {@link cli} it starts no process and holds none. */
  async ask(...args: string[]): Promise<string> {
    const socket = connect(this.port, '127.0.0.1');
    socket.write(`${args.join(' ')}\r\nQUIT\r\n`);
    return text(socket);
  }

  /** Runs a command by redis-cli, and gives what it prints. */
  cli(...args: string[]): string {
    return execFileSync('redis-cli', ['-p', String(this.port), ...args], CLI_OPTIONS).trim();
  }

  /** Whether its process is there. */
  get running(): boolean {
    return isRunning(this.#child);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Kills it, and waits until it is gone. */
  async kill(): Promise<void> {
    if (!this.running) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }

  /** Starts it again on the same port: empty, unless it persists. */
  async restart(): Promise<void> {
    this.#child = await launch(this.#program, this.#args, this.#env);
  }
}

/** Options of the command line as a file: one that the server itself may rewrite, as a Sentinel makes it do. */
function configuration(options: readonly string[]): string {
  const lines: string[] = [];
  for (const option of options)
    if (option.startsWith('--')) lines.push(option.slice(2));
    else lines.push(`${lines.pop() ?? ''} ${JSON.stringify(option)}`);
  return `${lines.join('\n')}\n`;
}

async function launch(program: string, args: readonly string[], env: Environment): Promise<ChildProcess> {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => {
      reject(new Error(`${program} ended:\n${output}`));
    });
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (/Ready to accept connections|Sentinel ID is/.test(output)) resolve();
    });
  });
  child.removeAllListeners('exit');
  return child;
}
