import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onPath, type Tool } from '../scripts/tools.ts';

/** How a program ended. */
export interface Outcome {
  readonly status: number;
  /** Standard output, then standard error. */
  readonly output: string;
}

/** A program that tests run if it is there. */
export interface ToolUse {
  readonly path: string;
  /** For node:test's `skip`: why a test that needs the program can't run. Never under CI=true, where it is to fail instead. */
  readonly skip: string | false;
}

/** Looks for a program on PATH and where the test cluster's scripts put theirs. */
export function findTool(program: string): ToolUse {
  return toolUse(program, onPath(program));
}

/** A tool of the tests, as they find it. */
export function useTool({ name, find }: Tool): ToolUse {
  return toolUse(name, find());
}

/** For node:test's `skip`: the first of several tools that a test can't run without. */
export function skipWithout(...tools: readonly Tool[]): string | false {
  return tools.map((tool) => useTool(tool).skip).find((skip) => skip !== false) ?? false;
}

function toolUse(name: string, path: string | undefined): ToolUse {
  if (path !== undefined) return { path, skip: false };
  return { path: name, skip: process.env['CI'] === 'true' ? false : `${name} is not installed` };
}

/** Runs a program to its end, with `input` on its standard input. */
export function run({ path }: ToolUse, args: readonly string[], input = ''): Outcome {
  const { status, stdout, stderr, error } = spawnSync(path, args, { encoding: 'utf8', input, maxBuffer: 1e8 });
  if (error !== undefined) throw new Error(`${path} can not be run: ${error.message}`, { cause: error });
  return { status: status ?? 1, output: stdout + stderr };
}

/** Calls with a folder that is gone afterwards. */
export function withFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'alerts-test-'));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
