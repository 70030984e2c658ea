import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { ROOT, TOOL_ENV } from '../../scripts/chart/tools.ts';

/** How a program is run. */
export interface CommandOptions {
  /** Written to its standard input. */
  readonly input?: string;
  /** Longest it may take in seconds; then it is ended, and it has failed. 120 by default. */
  readonly timeoutSeconds?: number;
  /** Folder it runs in; the project's by default. */
  readonly cwd?: string;
  /** Its environment; by default the one in which the tools are found. */
  readonly env?: NodeJS.ProcessEnv;
}

/** How a program ended. */
export interface Outcome {
  /** Exit status; 1 if a signal ended it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A kubectl that is let run on: following a log, forwarding a port. */
export function startKubectl(...args: string[]): ChildProcess {
  return spawn('kubectl', args, { cwd: ROOT, env: TOOL_ENV, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Runs a program to its end, whatever that is. */
export async function run(tool: string, args: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
  const child = spawn(tool, args, {
    cwd: options.cwd ?? ROOT,
    env: options.env ?? TOOL_ENV,
    timeout: (options.timeoutSeconds ?? 120) * 1000,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  child.stdin.on('error', () => undefined).end(options.input ?? '');
  const [status, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (signal !== null) stderr += `\nended by ${signal} after ${options.timeoutSeconds ?? 120} s`;
  return { status: status ?? 1, stdout, stderr };
}

/**
 * Runs a program that must succeed.
 * @returns its standard output
 * @throws {Error} with its command line and output if it fails
 */
export async function runWell(tool: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { status, stdout, stderr } = await run(tool, args, options);
  if (status !== 0) throw new Error(`${tool} ${args.join(' ')} ended with ${status}\n${stderr}${stdout}`);
  return stdout;
}

/** Runs kubectl, which must succeed. @returns its standard output */
export function kubectl(...args: string[]): Promise<string> {
  return runWell('kubectl', args);
}

/** Runs `kubectl ... -o json`, and parses what it prints. */
export async function kubectlJson<T>(...args: string[]): Promise<T> {
  return JSON.parse(await kubectl(...args, '--output', 'json')) as T;
}

/** Applies YAML. */
export async function apply(yaml: string): Promise<void> {
  await runWell('kubectl', ['apply', '--filename', '-'], { input: yaml });
}
