#!/usr/bin/env node
/**
 * `node e2e/failover/keep.ts` takes what the last run of `npm run e2e:failover` found into results.json, failed tests too;
 * `npm run docs` puts it into docs/reliability.md.
 */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from '../../scripts/chart/tools.ts';
import type { CaseResult } from '../support/figures.ts';
import { KEPT_RESULTS, readKept, type Kept } from './kept.ts';

const LAST_RESULTS = join(CACHE, 'e2e/failover.json');

const date = statSync(LAST_RESULTS).mtime.toISOString().slice(0, 10);
const { tables } = JSON.parse(readFileSync(LAST_RESULTS, 'utf8')) as { readonly tables: readonly CaseResult[] };
const kept: Record<string, Kept> = { ...readKept() };
for (const { name, counts, figures } of tables) kept[name] = { date, failed: counts.failed, figures };
writeFileSync(KEPT_RESULTS, `${JSON.stringify(kept, undefined, 2)}\n`);
console.log(`kept ${tables.map(({ name }) => name).join(', ')}`);
