import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from '../../scripts/chart/tools.ts';
import type { CaseResult } from './figures.ts';

/** What the last run of a suite found. */
export interface LastRun {
  /** Path of its file. */
  readonly file: string;
  /** Day of the run, `2026-01-31`. */
  readonly date: string;
  readonly counts: CaseResult['counts'];
  readonly tables: readonly CaseResult[];
}

/** Reads what the last run of a suite found. */
export function lastRun(suite: string): LastRun {
  const file = join(CACHE, 'e2e', `${suite}.json`);
  const found = JSON.parse(readFileSync(file, 'utf8')) as Pick<LastRun, 'counts' | 'tables'>;
  return { file, date: statSync(file).mtime.toISOString().slice(0, 10), ...found };
}

/** Reads what the repository keeps; `undefined` if it keeps nothing yet. */
export function readKept(file: string): unknown {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

/** Writes what the repository keeps. */
export function writeKept(file: string, kept: object): void {
  writeFileSync(file, `${JSON.stringify(kept, undefined, 2)}\n`);
}
