import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseOptions } from '../loadtest/src/options.ts';
import type { Result } from '../loadtest/src/result.ts';
import { runAndReport } from '../loadtest/src/run-and-report.ts';

const MAIN = fileURLToPath(import.meta.resolve('../loadtest/src/main.ts'));

/** What a run of the program left. */
export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A run that may be going on. */
export interface Running {
  /** Resolves once stdout or stderr has text that matches. */
  printed(pattern: RegExp): Promise<void>;
  readonly finished: Promise<Finished>;
}

/** Starts the program. */
export function startLoadtest(args: readonly string[]): Running & { readonly process: ChildProcess } {
  const process_ = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = new Output();
  process_.stdout.on('data', (chunk: Buffer) => {
    output.stdout.write(chunk.toString());
  });
  process_.stderr.on('data', (chunk: Buffer) => {
    output.stderr.write(chunk.toString());
  });
  const finished = new Promise<Finished>((resolve) => {
    process_.on('close', (status) => {
      resolve(output.end(status));
    });
  });
  return { process: process_, printed: (pattern) => output.printed(pattern), finished };
}

/**
 * Starts a run in this process, as the program would: its own start costs a quarter of a second of CPU.
 * @param args right ones: wrong ones end the process
 */
export function startRun(args: readonly string[]): Running & {
  /** As Ctrl-C does. */
  readonly stop: () => void;
} {
  const output = new Output();
  const stopped = new AbortController();
  const finished = runAndReport(parseOptions(args), output, stopped.signal).then((status) => output.end(status));
  return {
    stop: () => {
      stopped.abort();
    },
    printed: (pattern) => output.printed(pattern),
    finished,
  };
}

/** Runs the program to its end. */
export function loadtest(...args: readonly string[]): Promise<Finished> {
  return startLoadtest(args).finished;
}

/** Makes a run in this process with `--json`, and reads the result. */
export async function loadtestJson(
  ...args: readonly string[]
): Promise<{ status: number | null; result: Result; stderr: string }> {
  return readResult(await startRun(['--json', ...args]).finished);
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

/** What a run prints, for those who wait for some of it. */
class Output {
  readonly stdout = this.#stream('stdout');
  readonly stderr = this.#stream('stderr');
  readonly #text = { stdout: '', stderr: '' };
  readonly #waiting: { pattern: RegExp; resolve: () => void; reject: (error: Error) => void }[] = [];

  printed(pattern: RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ pattern, resolve, reject });
      this.#look();
    });
  }

  end(status: number | null): Finished {
    for (const { pattern, reject } of this.#waiting)
      reject(new Error(`ended before it printed ${pattern}: ${this.#all()}`));
    return { status, ...this.#text };
  }

  #stream(name: 'stdout' | 'stderr'): { readonly write: (text: string) => void } {
    return {
      write: (text) => {
        this.#text[name] += text;
        this.#look();
      },
    };
  }

  #look(): void {
    for (const { pattern, resolve } of this.#waiting) if (pattern.test(this.#all())) resolve();
  }

  #all(): string {
    return this.#text.stdout + this.#text.stderr;
  }
}
