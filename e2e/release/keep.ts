#!/usr/bin/env node
/**
 * `node e2e/release/keep.ts` takes what the last run of `npm run e2e:release` found into results.json, if every test passed;
 * `npm run docs` puts it into docs/releasing.md.
 */
import { program } from '../../lib/program.ts';
import { lastRun, writeKept } from '../support/kept-results.ts';
import { KEPT_RESULTS, type Kept } from './kept.ts';

program('node e2e/release/keep.ts', 'Keeps what the last run of npm run e2e:release found, for the docs.').parse();
const { file, date, counts, tables } = lastRun('release');
if (counts.passed === 0 || counts.failed + counts.skipped > 0) {
  console.error(`${file} is of a run in which not every test passed (${JSON.stringify(counts)}); nothing is kept`);
  process.exit(1);
}
const kept: Kept = { date, tests: counts.passed, figures: tables.flatMap(({ figures }) => figures) };
writeKept(KEPT_RESULTS, kept);
console.log(`kept ${kept.figures.length} figures of ${kept.tests} tests`);
