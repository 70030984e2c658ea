#!/usr/bin/env node
/**
 * `node e2e/release/keep.ts` takes what the last run of `npm run e2e:release` found into results.json, if every test passed;
 * `npm run docs` puts it into docs/releasing.md.
 */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from '../../scripts/chart/tools.ts';
import type { Figure } from '../support/figures.ts';
import { KEPT_RESULTS, type Kept } from './kept.ts';

const LAST_RESULTS = join(CACHE, 'e2e/release.json');

const { counts, tables } = JSON.parse(readFileSync(LAST_RESULTS, 'utf8')) as {
  readonly counts: { readonly passed: number; readonly failed: number; readonly skipped: number };
  readonly tables: readonly { readonly figures: readonly Figure[] }[];
};
if (counts.passed === 0 || counts.failed + counts.skipped > 0) {
  console.error(
    `${LAST_RESULTS} is of a run in which not every test passed (${JSON.stringify(counts)}); nothing is kept`,
  );
  process.exit(1);
}
const kept: Kept = {
  date: statSync(LAST_RESULTS).mtime.toISOString().slice(0, 10),
  tests: counts.passed,
  figures: tables.flatMap(({ figures }) => figures),
};
writeFileSync(KEPT_RESULTS, `${JSON.stringify(kept, undefined, 2)}\n`);
console.log(`kept ${kept.figures.length} figures of ${kept.tests} tests`);
