import { join } from 'node:path';
import { tableOf, type Figure } from '../support/figures.ts';
import { readKept } from '../support/kept-results.ts';

/** What is kept of the last run of a case, for docs/reliability.md. */
export interface Kept {
  /** Day of the run, `2026-01-31`. */
  readonly date: string;
  readonly failed: number;
  readonly figures: readonly Figure[];
}

/** The file with what is kept. */
export const KEPT_RESULTS = join(import.meta.dirname, 'results.json');

/** What is kept, by the name of the case. */
export function keptCases(): Readonly<Record<string, Kept>> {
  return (readKept(KEPT_RESULTS) ?? {}) as Record<string, Kept>;
}

/** Generated block of docs/reliability.md. */
export function failoverBlock(): string {
  // Sentinel comes before Cluster, and more replicas come before fewer.
  const cases = Object.entries(keptCases())
    .sort(([one], [other]) => other.localeCompare(one))
    .map(([, each]) => each);
  if (cases.length === 0) return 'Not run yet.';
  const dates = [...new Set(cases.map(({ date }) => date))].sort();
  const figures = cases.flatMap((each) => each.figures);
  const versions = [...new Set(figures.filter(({ cells }) => cells === undefined).map(({ value }) => value))];
  const failed = cases.reduce((sum, each) => sum + each.failed, 0);
  return [
    `Run on ${dates.join(' and ')} with ${versions.join('; ')}; tests that failed: ${failed}.`,
    tableOf(figures),
  ].join('\n\n');
}
