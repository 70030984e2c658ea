/**
 * `npm test`: installs the tools, lints, checks generated files, runs every test that needs no cluster, and closes with
 * the slowest files and a line that counts the tests. `npm test -- service/test/limits.test.ts` runs the named test files alone;
 * `npm test -- --no-install` installs nothing.
 *
 * Tools that are built from source take minutes, once a machine: the tests that need none of them run meanwhile. Tests whose
 * tool can't be installed are skipped, and a block at the start says which and what to do; under CI=true a skip is a failure.
 */
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, globSync } from 'node:fs';
import { resolve } from 'node:path';
import { program, USAGE } from '../lib/program.ts';
import { runTestFiles, type Outcome } from './test-files.ts';
import {
  buildTools,
  describeMissing,
  installQuickTools,
  isInstallable,
  missingTools,
  obstacles,
  TOOL_CACHE,
  toolEnvironment,
  TOOLS,
  type Tool,
} from './tools.ts';

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
  'try',
  'bench',
  'chaos',
  'examples',
].map((part) => `${part}/**/*.test.ts`);

/** Most test files wait more than they compute: eight at a time and the checks keep two cores busy. */
const FILES_AT_ONCE = 8;

/** Tests whose subject is time: nothing else runs beside them. */
const MEASURING = /loadtest\/test\/latency\.test\.ts$/;

/** Test files that use tools which are built from source. Under CI=true one that is not listed fails while its tool is built. */
const WITH_BUILT_TOOLS = /^(alerts|dashboards|chart|chaos)\/|\/(loki|tracing)[^/]*\.test\.ts$/;

/** Test files that take longest begin first, so that none of them is left to run alone at the end. */
const LONG =
  /\/(promtool|live|cluster|package|store-\w+|shared-store|disruptions|console|planted-\w+|refusals|fuzz|model)\.test\.ts$/;

/** Test files that start processes, take seconds, or ask what holds for a whole process. All others share one. */
const OWN_PROCESS =
  /^(client|chaos|examples|loadtest|scripts)\/|\/process\/|\/(chart|cluster|command-line|config|console|false-pages|fuzz|guide|interruption|kubeconfig|live|local|loki-\w+|model|platforms|promtool|protocol|refusals|runbooks|shared-store|start-up|store-\w+|tracing)\.test\.ts$/;

/**
 * Checks that run beside the tests, one after the other, since each of them keeps a core busy. That the package can be built
 * is scripts/test/package.test.ts.
 */
const CHECKS: readonly (readonly [name: string, command: string])[] = [
  ['generated files', 'npm run --silent docs -- --check'],
  ['lint', 'npm run --silent lint'],
];

const startedAt = performance.now();
const problems: string[] = [];
const command = program('npm test --', 'Runs the checks, and every test that needs no cluster.')
  .argument('[files...]', 'run these test files alone')
  .option('--no-install', 'install no tools; what needs a missing one is skipped')
  .option('--long', 'with many more random inputs, from a random seed (npm run test:long)', false)
  .parse();
const { long, install } = command.opts<{ long: boolean; install: boolean }>();
const named = command.args;
const absent = named.find((file) => !existsSync(file));
if (absent !== undefined) {
  console.error(`npm test: there is no file ${absent}`);
  process.exit(USAGE);
}
// Tests and the services that they start load the same modules: compiled once, by the first that needs them.
process.env['NODE_COMPILE_CACHE'] ??= resolve('.cache', 'compiled');
// The tools in Go spend a tenth of their time on collecting garbage of processes that end soon.
process.env['GOGC'] ??= '400';
if (long) seedAtRandom();
const toBuild = lookForTools();
process.env['PATH'] = toolEnvironment()['PATH'];
const files = named.length > 0 ? named : globSync(TESTS).sort((one, other) => rank(one) - rank(other));
const built = buildTools(toBuild);
const checks = named.length > 0 ? Promise.resolve() : runChecks();
const isMeasuring = (file: string): boolean => MEASURING.test(file);
const waitsForTools = (file: string): boolean => toBuild.length > 0 && WITH_BUILT_TOOLS.test(file);
const outcomes = [await runFiles(files.filter((file) => !isMeasuring(file) && !waitsForTools(file)))];
if (!(await built)) problems.push('a tool could not be built');
outcomes.push(await runFiles(files.filter(waitsForTools)));
await checks;
outcomes.push(await runTestFiles(files.filter(isMeasuring), { atOnce: 1 }));
report(outcomes);
process.exit(problems.length === 0 ? 0 : 1);

/** Random inputs come from TEST_SEED (testkit/seed.ts). */
function seedAtRandom(): void {
  const seed = (process.env['TEST_SEED'] ??= String(randomInt(2 ** 31)));
  console.log(`── random inputs from seed ${seed}; to repeat them: TEST_SEED=${seed} npm run test:long`);
}

/** Installs what takes moments, and says what is skipped. @returns the tools to build from source */
function lookForTools(): readonly Tool[] {
  const hindered = obstacles();
  const installable = install ? missingTools().filter((tool) => isInstallable(tool, hindered)) : [];
  const absent = missingTools().filter((tool) => !installable.includes(tool));
  if (absent.length > 0) console.log(describeMissing(absent, hindered));
  if (installable.length > 0)
    console.log(
      `── the first run on this machine installs ${installable.map(({ name }) => name).join(', ')}; what is built from source ` +
        `takes minutes, and stays in ${TOOL_CACHE}`,
    );
  installQuickTools(installable);
  if (CI) for (const { name } of absent) problems.push(`${name} is missing`);
  return installable.filter(({ built }) => built !== undefined);
}

/** A named file has a process of its own: it is run to look at it closely. */
function runFiles(files: readonly string[]): Promise<Outcome> {
  const isAlone = (file: string): boolean => named.length > 0 || OWN_PROCESS.test(file);
  return runTestFiles(files.filter(isAlone), {
    atOnce: FILES_AT_ONCE,
    together: files.filter((file) => !isAlone(file)),
  });
}

function rank(file: string): number {
  return LONG.test(file) ? 0 : 1;
}

async function runChecks(): Promise<void> {
  for (const [name, command] of CHECKS) {
    if (name === 'lint' && toBuild.includes(TOOLS.actionlint)) await built;
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

function report(outcomes: readonly Outcome[]): void {
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
