#!/usr/bin/env node
/**
 * `npm run e2e`: runs the end-to-end suite on the cluster that KUBECONFIG names, case after case, and closes with a table of the
 * figures it measured and a line that counts the tests. `npm run e2e -- rollout prestop` runs the named cases alone.
 * `npm run e2e:sessions` does the same with the cases in `sessions/`, which take long, `npm run e2e:failover` with those in
 * `failover/`, `npm run e2e:release` with those in `release/`, which need the tools of a release, and `npm run e2e:platform` with those in
 * `platform/`, which install what platforms bring.
 *
 * Exit status: 0 if all tests passed, 1 if one failed, 2 if there is no cluster to run on.
 */
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Option } from 'commander';
import { positiveInteger, program } from '../lib/program.ts';
import { CACHE, TOOL_ENV } from '../scripts/chart/tools.ts';
import { runTestFiles } from '../scripts/test-files.ts';
import { missingPart } from './support/cluster.ts';
import { TIMES } from './support/failover-faults.ts';
import { describeFigure, FIGURES_FILE, tableOf, type CaseResult, type Figure } from './support/figures.ts';

/** A folder of cases. */
interface Suite {
  /** Longest that a case may take, in milliseconds: one that hangs is a failure, not a wait. */
  readonly caseTimeoutMs: number;
  /** It asks Prometheus what was scraped. */
  readonly prometheus: boolean;
  /** File with what came of it. */
  readonly results: string;
}

const SUITES: Readonly<Record<string, Suite>> = {
  cases: { caseTimeoutMs: 600_000, prometheus: true, results: 'results.json' },
  failover: { caseTimeoutMs: 7_200_000, prometheus: false, results: 'failover.json' },
  platform: { caseTimeoutMs: 1_200_000, prometheus: true, results: 'platform.json' },
  release: { caseTimeoutMs: 1_200_000, prometheus: false, results: 'release.json' },
  sessions: { caseTimeoutMs: 1_200_000, prometheus: false, results: 'sessions.json' },
};
const RESULTS = join(CACHE, 'e2e');

const startedAt = performance.now();
const command = program('npm run e2e --', 'Runs the end-to-end suite on the cluster that KUBECONFIG names.')
  .argument('[cases...]', 'the cases to run; all of the suite if none is named')
  .addOption(new Option('--suite <name>', 'the suite').choices(Object.keys(SUITES)).default('cases'))
  .option('--times <number>', 'how often a failover suite does each fault', positiveInteger, 10)
  .parse();
const { suite: suiteName, times } = command.opts<{ suite: string; times: number }>();
const suite = SUITES[suiteName]!;
const files = casesNamed(command.args);
const missing = await missingPart(suite.prometheus);
if (missing !== undefined) {
  console.error(`e2e: ${missing}`);
  process.exit(2);
}
mkdirSync(RESULTS, { recursive: true });
const tables: CaseResult[] = [];
for (const file of files) tables.push(await runCase(file, suite));
const counts = { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') };
writeFileSync(join(RESULTS, suite.results), `${JSON.stringify({ counts, tables }, undefined, 2)}\n`);
for (const { name, figures } of tables) printTable(name, figures);
const rows = tables.flatMap(({ figures }) => figures);
if (rows.some(({ cells }) => cells !== undefined)) console.log(`\n${tableOf(rows)}`);

const well = counts.failed === 0 && counts.passed > 0;
const seconds = Math.round((performance.now() - startedAt) / 1000);
console.log(
  `\n${well ? 'OK' : 'NOT OK'}: ${counts.passed} end-to-end tests passed, ${counts.failed} failed, ${counts.skipped} skipped in ${seconds} s`,
);
process.exit(well ? 0 : 1);

/** Paths of the cases that were named, or of all. Ends the process where a name is none. */
function casesNamed(names: readonly string[]): readonly string[] {
  const all = globSync(join(import.meta.dirname, suiteName, '*.test.ts')).sort();
  const unknown = names.filter((name) => !all.some((file) => caseName(file) === name));
  if (unknown.length > 0)
    command.error(`there is no case ${unknown.join(', ')}; there are ${all.map(caseName).join(', ')}`);
  return names.length === 0 ? all : all.filter((file) => names.includes(caseName(file)));
}

function caseName(file: string): string {
  return basename(file, '.test.ts');
}

function sum(outcome: keyof CaseResult['counts']): number {
  return tables.reduce((total, { counts: of }) => total + of[outcome], 0);
}

/** Runs one case in a process of its own. */
async function runCase(file: string, { caseTimeoutMs }: Suite): Promise<CaseResult> {
  const began = performance.now();
  console.log(`── ${caseName(file)}`);
  const gathered = join(RESULTS, `${caseName(file)}.jsonl`);
  rmSync(gathered, { force: true });
  writeFileSync(gathered, '');
  const { passed, failed, skipped } = await runTestFiles([file], {
    atOnce: 1,
    timeoutMs: caseTimeoutMs,
    env: { ...TOOL_ENV, [FIGURES_FILE]: gathered, [TIMES]: String(times) },
  });
  const seconds = Math.round((performance.now() - began) / 1000);
  console.log(`── ${caseName(file)} took ${seconds} s\n`);
  const figures = readFileSync(gathered, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Figure);
  return { name: caseName(file), counts: { passed, failed, skipped }, seconds, figures };
}

function printTable(name: string, figures: readonly Figure[]): void {
  const lines = figures.filter(({ cells }) => cells === undefined);
  if (lines.length === 0) return;
  const width = Math.max(...lines.map((each) => each.name.length));
  console.log(`\n${name}`);
  for (const each of lines) console.log(`  ${describeFigure(each, width)}`);
}
