import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { lastLine } from '../../lib/last-line.ts';
import { toolEnvironment } from '../../scripts/tools.ts';
import type { Command, Platform, Probe } from './platforms.ts';
import { Problem } from './problem.ts';

/** How a command ended. */
export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Time between two lines about a step that goes on, in milliseconds. */
const STILL_MS = 15_000;

/** Runs the commands of a trial against its cluster, and keeps what they print in a log. */
export class Runner {
  readonly env: NodeJS.ProcessEnv;
  readonly #log: string;
  readonly #context: readonly string[];
  readonly #helmContext: readonly string[];
  readonly #namespace: string;
  readonly #signal: AbortSignal | undefined;

  /** @param signal ends the command that runs, and lets no other start */
  constructor(
    { kubeconfig, context }: Pick<Platform, 'kubeconfig' | 'context'>,
    namespace: string,
    log: string,
    signal?: AbortSignal,
  ) {
    this.env = { ...toolEnvironment(), ...(kubeconfig !== undefined && { KUBECONFIG: kubeconfig }) };
    this.#context = context === undefined ? [] : ['--context', context];
    this.#helmContext = context === undefined ? [] : ['--kube-context', context];
    this.#namespace = namespace;
    this.#log = log;
    this.#signal = signal;
    mkdirSync(dirname(log), { recursive: true });
  }

  /** A kubectl command in the trial's namespace. */
  kubectl(...args: string[]): Command {
    return ['kubectl', ...this.#context, '--namespace', this.#namespace, ...args];
  }

  /** A helm command in the trial's namespace. */
  helm(...args: string[]): Command {
    return ['helm', ...this.#helmContext, '--namespace', this.#namespace, ...args];
  }

  /**
   * Runs the commands of a step, one after the other, with a line at its start, while it goes on, and at its end.
   * @param next what to do if it fails, for the sentence that says so
   * @throws {Problem} if one fails
   */
  async step(title: string, commands: readonly Command[], next: string): Promise<void> {
    if (commands.length === 0) return;
    const began = performance.now();
    const seconds = (): string => `${((performance.now() - began) / 1000).toFixed()} s`;
    console.log(`── ${title}`);
    const timer = setInterval(() => {
      console.log(`   still at it, for ${seconds()}`);
    }, STILL_MS);
    try {
      for (const command of commands) await this.#must(title, command, next);
    } finally {
      clearInterval(timer);
    }
    console.log(`   done in ${seconds()}`);
  }

  /** Whether it is there. */
  async has({ command, word }: Probe): Promise<boolean> {
    const { status, stdout } = await this.run(command);
    return status === 0 && stdout.split('\n').some((line) => line.trim().split(/\s+/)[0] === word);
  }

  /** Runs a command to its end, whatever that is. @throws {Problem} if the trial is interrupted */
  async run([program, ...args]: Command, input = ''): Promise<Outcome> {
    this.#throwIfInterrupted();
    const child = spawn(program, args, { env: this.env, stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin.on('error', () => undefined).end(input);
    const end = (): boolean => child.kill();
    this.#signal?.addEventListener('abort', end);
    const status = await new Promise<number>((resolve) => {
      child.on('error', (error) => {
        stderr += error.message;
        resolve(1);
      });
      child.on('close', (code) => {
        resolve(code ?? 1);
      });
    });
    this.#signal?.removeEventListener('abort', end);
    this.#throwIfInterrupted();
    return { status, stdout, stderr };
  }

  #throwIfInterrupted(): void {
    if (this.#signal?.aborted === true) throw new Problem('It was interrupted; npm run try starts it again');
  }

  async #must(title: string, command: Command, next: string): Promise<void> {
    const { status, stdout, stderr } = await this.run(command);
    appendFileSync(this.#log, `$ ${command.join(' ')}\n${stdout}${stderr}`);
    if (status === 0) return;
    const reason = lastLine(stderr) || lastLine(stdout);
    throw new Problem(`Could not ${title}: ${command[0]} says "${reason}" (all of it: ${this.#log}); ${next}`);
  }
}
