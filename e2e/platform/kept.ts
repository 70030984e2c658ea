import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { markdownTable } from '../../lib/markdown-table.ts';
import { tableOf, type Figure } from '../support/figures.ts';
import { readKept } from '../support/kept-results.ts';

/** What is kept of the last run of a case in which every test passed, for docs/platform-proofs.md. */
export interface Kept {
  /** Day of the run, `2026-01-31`. */
  readonly date: string;
  readonly tests: number;
  readonly seconds: number;
  readonly figures: readonly Figure[];
}

/** The file with what is kept. */
export const KEPT_RESULTS = join(import.meta.dirname, 'results.json');

/** What is kept, by the name of the case. */
export function keptCases(): Readonly<Record<string, Kept>> {
  return (readKept(KEPT_RESULTS) ?? {}) as Record<string, Kept>;
}

/** Generated blocks of docs/platform-proofs.md: one for each case in this folder. */
export function platformBlocks(): Readonly<Record<string, string>> {
  const kept = keptCases();
  const names = globSync('*.test.ts', { cwd: import.meta.dirname }).map((file) => basename(file, '.test.ts'));
  return Object.fromEntries(names.sort().map((name) => [name, describeCase(kept[name])]));
}

function describeCase(kept: Kept | undefined): string {
  if (kept === undefined) return 'Not run yet.';
  const { date, tests, seconds, figures } = kept;
  const facts = figures.filter(({ cells }) => cells === undefined);
  const rows = figures.filter(({ cells }) => cells !== undefined);
  return [
    `Run on ${date} in ${seconds} s: ${tests} tests passed.`,
    markdownTable(
      ['', 'Measured', 'Has to be'],
      facts.map(({ name, value, bound = '' }) => [name, value, bound]),
    ),
    ...(rows.length > 0 ? [tableOf(rows)] : []),
  ].join('\n\n');
}
