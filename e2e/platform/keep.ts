#!/usr/bin/env node
/**
 * `node e2e/platform/keep.ts` takes what the last run of `npm run e2e:platform` found into results.json, for each case whose
 * tests all passed; `npm run docs` puts it into docs/platform-proofs.md.
 */
import { program } from '../../lib/program.ts';
import { lastRun, writeKept } from '../support/kept-results.ts';
import { KEPT_RESULTS, keptCases, type Kept } from './kept.ts';

program('node e2e/platform/keep.ts', 'Keeps what the last run of npm run e2e:platform found, for the docs.').parse();
const { date, tables } = lastRun('platform');
const kept: Record<string, Kept> = { ...keptCases() };
for (const { name, counts, seconds, figures } of tables)
  if (counts.passed > 0 && counts.failed + counts.skipped === 0) {
    kept[name] = { date, tests: counts.passed, seconds, figures };
    console.log(`kept ${figures.length} figures of ${name}`);
  } else console.log(`not every test of ${name} passed (${JSON.stringify(counts)}): nothing of it is kept`);
writeKept(KEPT_RESULTS, kept);
