/**
 * `npm test`: provides the tools, builds, lints, checks generated files, runs every test that needs no cluster, and closes with a
 * line that counts them. `npm test -- service/test/limits.test.ts` runs the named test files alone.
 *
 * What can't be had is skipped, with a line that says how to get it; under CI=true a skip is a failure.
 */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { provideTools, toolEnvironment } from './tools.ts';

const CI = process.env['CI'] === 'true';
const TESTS = ['service', 'lib', 'loadtest', 'monitor', 'alerts', 'dashboards', 'chart', 'scripts', 'bench'].map(
  (part) => `${part}/**/*.test.ts`,
);
/** Longest a test file may run, in milliseconds: one that hangs is a failure, not a wait. */
const FILE_TIMEOUT_MS = 300_000;

/** Under CI a file has the machine for itself: most start processes of their own, and a busy machine makes rare orders of events common. */
const FILES_AT_A_TIME = CI ? 1 : 2;

/** Tests whose subject is time: nothing else runs beside them. */
const MEASURING = /loadtest\/test\/(latency|scale|service)\.test\.ts$/;

const startedAt = performance.now();
const named = process.argv.slice(2);
const problems: string[] = [];

const missing = provideTools();
for (const { name, neededFor, howToGet } of missing) {
  console.log(`SKIPPED: ${neededFor}, since ${name} is missing. To get it: ${howToGet}`);
  if (CI) problems.push(`${name} is missing`);
}
process.env['PATH'] = toolEnvironment()['PATH'];
if (named.length === 0) {
  step('build', 'npm', ['run', '--silent', 'build']);
  step('lint', 'npm', ['run', '--silent', 'lint']);
  step('generated files', 'npm', ['run', '--silent', 'docs', '--', '--check']);
}
const files = named.length > 0 ? named : globSync(TESTS).sort();
const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
await runTests(
  files.filter((file) => !MEASURING.test(file)),
  FILES_AT_A_TIME,
);
await runTests(
  files.filter((file) => MEASURING.test(file)),
  1,
);
if (counts.failed > 0) problems.push(`${counts.failed} tests failed`);
if (CI && counts.skipped > 0) problems.push(`${counts.skipped} tests were skipped`);
if (counts.passed === 0) problems.push('no test passed');

const seconds = Math.round((performance.now() - startedAt) / 1000);
console.log(
  `\n${problems.length === 0 ? 'OK' : `NOT OK (${problems.join('; ')})`}: ${counts.passed} tests passed, ${counts.failed} failed, ${counts.skipped} skipped in ${seconds} s`,
);
process.exit(problems.length === 0 ? 0 : 1);

function step(name: string, command: string, args: readonly string[]): void {
  console.log(`── ${name}`);
  if (spawnSync(command, args, { stdio: 'inherit' }).status !== 0) problems.push(`${name} failed`);
}

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** Runs test files, some at a time, and adds to the counts. */
async function runTests(files: readonly string[], concurrency: number): Promise<void> {
  if (files.length === 0) return;
  console.log(`── ${files.length} test files, ${concurrency} at a time`);
  const stream = run({ files: [...files], concurrency, timeout: FILE_TIMEOUT_MS });
  stream.on('test:pass', ({ details, skip }) => {
    // Suites, and files, are not tests.
    if (details.type === 'suite') return;
    if (skip !== undefined && skip !== false) counts.skipped += 1;
    else counts.passed += 1;
  });
  stream.on('test:fail', ({ details }) => {
    if (details.type !== 'suite') counts.failed += 1;
  });
  const printed = stream.compose(spec);
  for await (const chunk of printed) process.stdout.write(chunk);
}
