/**
 * `npm test`: provides the tools, builds, lints, checks generated files, runs every test that needs no cluster, and closes with
 * the slowest files and a line that counts the tests. `npm test -- service/test/limits.test.ts` runs the named test files alone.
 *
 * What can't be had is skipped, with a line that says how to get it; under CI=true a skip is a failure.
 */
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, globSync } from 'node:fs';
import { resolve } from 'node:path';
import { program, USAGE } from '../lib/program.ts';
import { runTestFiles, type Outcome } from './test-files.ts';
import { provideTools, toolEnvironment } from './tools.ts';

const CI = process.env['CI'] === 'true';
const TESTS = [
  'service',
  'client',
  'lib',
  'loadtest',
  'monitor',
  'alerts',
  'dashboards',
  'chart',
  'scripts',
  'bench',
].map((part) => `${part}/**/*.test.ts`);

/** Most test files wait more than they compute: four at a time and the checks keep two cores busy. */
const FILES_AT_ONCE = 4;

/** Tests whose subject is time: nothing else runs beside them. */
const MEASURING = /loadtest\/test\/(latency|scale|service)\.test\.ts$/;

/** Test files that take longest begin first, so that none of them is left to run alone at the end. */
const LONG =
  /(disruptions|model|loki-outages|loki-faults|console|live|promtool|cluster|local|planted-bugs|lifecycle)\.test\.ts$/;

/** Checks that run beside the tests, one after the other, since each of them keeps a core busy. */
const CHECKS: readonly (readonly [name: string, command: string])[] = [
  ['lint', 'npm run --silent lint'],
  ['build', 'npm run --silent build'],
  ['generated files', 'npm run --silent docs -- --check'],
];

const startedAt = performance.now();
const problems: string[] = [];
const command = program('npm test --', 'Runs the checks, and every test that needs no cluster.')
  .argument('[files...]', 'run these test files alone')
  .option('--long', 'with many more random inputs, from a random seed (npm run test:long)', false)
  .parse();
const { long } = command.opts<{ long: boolean }>();
const named = command.args;
const absent = named.find((file) => !existsSync(file));
if (absent !== undefined) {
  console.error(`npm test: there is no file ${absent}`);
  process.exit(USAGE);
}
// Tests and the services that they start load the same modules: compiled once, by the first that needs them.
process.env['NODE_COMPILE_CACHE'] ??= resolve('.cache', 'compiled');
if (long) seedAtRandom();
lookForTools();
const files = named.length > 0 ? named : globSync(TESTS).sort((one, other) => rank(one) - rank(other));
const checks = named.length > 0 ? Promise.resolve() : runChecks();
const beside = await runTestFiles(
  files.filter((file) => !MEASURING.test(file)),
  { atOnce: FILES_AT_ONCE },
);
await checks;
const alone = await runTestFiles(
  files.filter((file) => MEASURING.test(file)),
  { atOnce: 1 },
);
report(beside, alone);
process.exit(problems.length === 0 ? 0 : 1);

/** Random inputs come from TEST_SEED (testkit/seed.ts). */
function seedAtRandom(): void {
  const seed = (process.env['TEST_SEED'] ??= String(randomInt(2 ** 31)));
  console.log(`── random inputs from seed ${seed}; to repeat them: TEST_SEED=${seed} npm run test:long`);
}

function lookForTools(): void {
  for (const { name, neededFor, howToGet } of provideTools()) {
    console.log(`SKIPPED: ${neededFor}, since ${name} is missing. To get it: ${howToGet}`);
    if (CI) problems.push(`${name} is missing`);
  }
  process.env['PATH'] = toolEnvironment()['PATH'];
}

function rank(file: string): number {
  return LONG.test(file) ? 0 : 1;
}

async function runChecks(): Promise<void> {
  for (const [name, command] of CHECKS) {
    const { passed, output, seconds } = await runCheck(command);
    console.log(`── ${name}: ${passed ? 'passed' : 'FAILED'} in ${seconds.toFixed()} s\n${output}`);
    if (!passed) problems.push(`${name} failed`);
  }
}

/** Runs a command to its end; what it prints comes in one piece, since tests print meanwhile. */
function runCheck(command: string): Promise<{ passed: boolean; output: string; seconds: number }> {
  const startedAt = performance.now();
  const child = spawn(command, { shell: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve) => {
    child.on('close', (status) => {
      resolve({ passed: status === 0, output, seconds: (performance.now() - startedAt) / 1000 });
    });
  });
}

function report(...outcomes: readonly Outcome[]): void {
  const total = (count: 'passed' | 'failed' | 'skipped'): number =>
    outcomes.reduce((sum, outcome) => sum + outcome[count], 0);
  if (total('failed') > 0) problems.push(`${total('failed')} tests failed`);
  if (CI && total('skipped') > 0) problems.push(`${total('skipped')} tests were skipped`);
  if (total('passed') === 0) problems.push('no test passed');
  const slowest = outcomes.flatMap(({ seconds }) => seconds).sort(([, one], [, other]) => other - one);
  console.log('\nThe slowest test files, in seconds:');
  for (const [file, seconds] of slowest.slice(0, 10)) console.log(`${seconds.toFixed(1).padStart(6)}  ${file}`);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed();
  console.log(
    `\n${problems.length === 0 ? 'OK' : `NOT OK (${problems.join('; ')})`}: ${total('passed')} tests passed, ${total('failed')} failed, ${total('skipped')} skipped in ${seconds} s`,
  );
}
