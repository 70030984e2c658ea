#!/usr/bin/env node
/**
 * `node e2e/failover/keep.ts` takes what the last run of `npm run e2e:failover` found into results.json, failed tests too;
 * `npm run docs` puts it into docs/reliability.md.
 */
import { program } from '../../lib/program.ts';
import { lastRun, writeKept } from '../support/kept-results.ts';
import { KEPT_RESULTS, keptCases, type Kept } from './kept.ts';

program('node e2e/failover/keep.ts', 'Keeps what the last run of npm run e2e:failover found, for the docs.').parse();
const { date, tables } = lastRun('failover');
const kept: Record<string, Kept> = { ...keptCases() };
for (const { name, counts, figures } of tables) kept[name] = { date, failed: counts.failed, figures };
writeKept(KEPT_RESULTS, kept);
console.log(`kept ${tables.map(({ name }) => name).join(', ')}`);
