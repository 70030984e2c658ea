#!/usr/bin/env node
/**
 * `node e2e/platform/keep.ts` takes what the last run of `npm run e2e:platform` found into results.json, for each case whose
 * tests all passed; `npm run docs` puts it into docs/platform-proofs.md.
 */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from '../../scripts/chart/tools.ts';
import type { CaseResult } from '../support/figures.ts';
import { KEPT_RESULTS, readKept, type Kept } from './kept.ts';

const LAST_RESULTS = join(CACHE, 'e2e/platform.json');

const date = statSync(LAST_RESULTS).mtime.toISOString().slice(0, 10);
const { tables } = JSON.parse(readFileSync(LAST_RESULTS, 'utf8')) as { readonly tables: readonly CaseResult[] };
const kept: Record<string, Kept> = { ...readKept() };
for (const { name, counts, seconds, figures } of tables)
  if (counts.passed > 0 && counts.failed + counts.skipped === 0) {
    kept[name] = { date, tests: counts.passed, seconds, figures };
    console.log(`kept ${figures.length} figures of ${name}`);
  } else console.log(`not every test of ${name} passed (${JSON.stringify(counts)}): nothing of it is kept`);
writeFileSync(KEPT_RESULTS, `${JSON.stringify(kept, undefined, 2)}\n`);
