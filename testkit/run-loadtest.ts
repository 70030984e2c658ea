import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Result } from '../loadtest/src/result.ts';

const MAIN = fileURLToPath(import.meta.resolve('../loadtest/src/main.ts'));

/** What a run of the program left. */
export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A run of the program that may be going on. */
export interface Running {
  readonly process: ChildProcess;
  /** Resolves once stdout or stderr has text that matches. */
  printed(pattern: RegExp): Promise<void>;
  readonly finished: Promise<Finished>;
}

/** Starts the program. */
export function startLoadtest(args: readonly string[]): Running {
  const process_ = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  const waiting: { pattern: RegExp; resolve: () => void; reject: (error: Error) => void }[] = [];
  const look = (): void => {
    for (const { pattern, resolve } of waiting) if (pattern.test(stdout + stderr)) resolve();
  };
  process_.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    look();
  });
  process_.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    look();
  });
  const finished = new Promise<Finished>((resolve) => {
    process_.on('close', (status) => {
      for (const { pattern, reject } of waiting)
        reject(new Error(`ended before it printed ${pattern}: ${stdout}${stderr}`));
      resolve({ status, stdout, stderr });
    });
  });
  const printed = (pattern: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      waiting.push({ pattern, resolve, reject });
      look();
    });
  return { process: process_, printed, finished };
}

/** Runs the program to its end. */
export function loadtest(...args: readonly string[]): Promise<Finished> {
  return startLoadtest(args).finished;
}

/** Runs the program to its end with `--json`, and reads the result. */
export async function loadtestJson(
  ...args: readonly string[]
): Promise<{ status: number | null; result: Result; stderr: string }> {
  return readResult(await loadtest('--json', ...args));
}

/** Reads the result that a run with `--json` printed. */
export function readResult({ status, stdout, stderr }: Finished): {
  status: number | null;
  result: Result;
  stderr: string;
} {
  try {
    return { status, result: JSON.parse(stdout) as Result, stderr };
  } catch (error) {
    throw new Error(`no JSON result, exit status ${status}: ${stdout}${stderr}`, { cause: error });
  }
}
