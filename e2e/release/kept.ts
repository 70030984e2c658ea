import { join } from 'node:path';
import { tableOf, type Figure } from '../support/figures.ts';
import { readKept } from '../support/kept-results.ts';

/** What is kept of a run of `npm run e2e:release`, for docs/releasing.md. */
export interface Kept {
  /** Day of the run, `2026-01-31`. */
  readonly date: string;
  readonly tests: number;
  readonly figures: readonly Figure[];
}

/** The file with what is kept. */
export const KEPT_RESULTS = join(import.meta.dirname, 'results.json');

/** Generated block of docs/releasing.md, from results.json. */
export function releaseBlocks(): Readonly<Record<string, string>> {
  const kept = readKept(KEPT_RESULTS) as Kept | undefined;
  if (kept === undefined) return { proof: 'Not run yet.' };
  const { date, tests, figures } = kept;
  const facts = figures.filter(({ cells }) => cells === undefined).map(({ name, value }) => `| ${name} | ${value} |`);
  return {
    proof: [
      `Run on ${date}: ${tests} tests passed.`,
      ['| | |', '|---|---|', ...facts].join('\n'),
      tableOf(figures),
    ].join('\n\n'),
  };
}
