#!/usr/bin/env node
/** Keeps what the last run of `npm run e2e:alerts` proved: see kept.ts. `npm run docs` makes the page of it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { program } from '../../lib/program.ts';
import { KEPT_RESULTS, LAST_RESULTS, merge, readKept } from './kept.ts';
import { PROOFS } from './proofs.ts';
import type { Results } from './report.ts';

program('node e2e/alerts/keep.ts', 'Keeps what the last run of npm run e2e:alerts proved, for the docs.').parse();
const last = JSON.parse(readFileSync(LAST_RESULTS, 'utf8')) as Results;
const kept = merge(readKept(), last, PROOFS);
writeFileSync(KEPT_RESULTS, `${JSON.stringify(kept, undefined, 2)}\n`);
console.log(`kept ${kept.alerts.length} of ${PROOFS.length} proofs`);
