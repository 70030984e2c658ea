import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lastLine } from '../../lib/last-line.ts';

/** The project's root. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** The chart's folder. */
export const CHART = join(ROOT, 'chart');
/** Folder of the test bed's scripts. */
export const TESTBED_SCRIPTS = join(ROOT, 'testbed');
/** What can be made again, kept from one run to the next. */
export const CACHE = join(ROOT, '.cache');

/** How a program ended. */
export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A tool that can't be run, or failed. The message has all that it printed. */
export class ToolFailure extends Error {
  override readonly name = 'ToolFailure';
  /** The same in one line: the tool, its command, and the last line that it printed. */
  readonly summary: string;

  constructor(message: string, summary: string, options?: ErrorOptions) {
    super(message, options);
    this.summary = summary;
  }
}

/** Environment in which the tools of the test cluster are found, its kubeconfig set. Tools on PATH are enough without it. */
export const TOOL_ENV: NodeJS.ProcessEnv = toolEnvironment();

/**
 * Runs a tool to its end.
 * @throws {ToolFailure} if it can't be started
 */
export function run(tool: string, args: readonly string[], input?: string): Outcome {
  const { status, stdout, stderr, error } = spawnSync(tool, args, {
    cwd: ROOT,
    env: TOOL_ENV,
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    ...(input !== undefined && { input }),
  });
  if (error !== undefined) {
    const summary = `${tool} can't be run: ${error.message}; npm run testbed -- build ${tool} builds it`;
    throw new ToolFailure(summary, summary, { cause: error });
  }
  return { status: status ?? 1, stdout, stderr };
}

/**
 * Runs a tool that must succeed.
 * @returns its standard output
 * @throws {ToolFailure} if it fails
 */
export function runWell(tool: string, args: readonly string[], input?: string): string {
  const { status, stdout, stderr } = run(tool, args, input);
  if (status !== 0)
    throw new ToolFailure(
      `${tool} ${args.join(' ')}\n${stderr}${stdout}`,
      `${tool} ${args[0] ?? ''} failed: ${lastLine(stderr) || lastLine(stdout) || `status ${status}`}`,
    );
  return stdout;
}

/** Calls with a folder that is gone afterwards. */
export function withFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'chart-'));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A folder under {@link CACHE}, made by `make` unless it is there; one that `make` left unfinished is made again. */
export function cached(name: string, make: (folder: string) => void): string {
  const folder = join(CACHE, name);
  if (existsSync(join(folder, '.done'))) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  make(folder);
  mkdirSync(join(folder, '.done'));
  return folder;
}

function toolEnvironment(): NodeJS.ProcessEnv {
  const script = join(TESTBED_SCRIPTS, 'env');
  const text = execFileSync('bash', ['-c', `eval "$("$0")" && env -0`, script], { encoding: 'utf8' });
  const pairs = text
    .split('\0')
    .filter((pair) => pair !== '')
    .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]);
  const env = Object.fromEntries(pairs) as NodeJS.ProcessEnv;
  // A kubeconfig that was chosen on purpose stays.
  return { ...env, ...(process.env['KUBECONFIG'] !== undefined && { KUBECONFIG: process.env['KUBECONFIG'] }) };
}
