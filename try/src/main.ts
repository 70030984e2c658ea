/**
 * `npm run try`: the service with its whole stack on Kubernetes, by one command. `npm run try -- --down` removes it. README.md of
 * this folder says what it does where.
 *
 * Exit status: 0, or 1 with a sentence that says what was found and what to do, 2 for a wrong argument.
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { Option } from 'commander';
import { onInterrupt } from '../../lib/interrupt.ts';
import { program } from '../../lib/program.ts';
import { choose } from './choice.ts';
import { takeDown } from './down.ts';
import { checkPorts, addressOf, Forwards, GRAFANA, openPage, PARTS, portOffset, SERVICE } from './forward.ts';
import { guide, partsOn } from './guide.ts';
import { lookAround, type Machine } from './machine.ts';
import { FULL_NAME, namespaceName } from './names.ts';
import { PLATFORM_NAMES, type PlatformName } from './platforms.ts';
import { Problem } from './problem.ts';
import { readRecord } from './record.ts';
import { bringUp, type Trial } from './up.ts';

interface Options {
  readonly on?: PlatformName;
  readonly down: boolean;
  readonly namespace: string;
  readonly registry?: string;
  readonly portOffset: number;
  readonly open: boolean;
}

const options = program(
  'npm run try --',
  'Runs the service with its stack on Kubernetes, forwards its ports, and says what to try.',
)
  .option('--down', 'remove what it made', false)
  .addOption(new Option('--on <place>', 'where to run; by default the first that is there').choices(PLATFORM_NAMES))
  .option('--namespace <name>', 'namespace of the release', namespaceName, 'websocket-try')
  .option('--registry <host/path>', 'registry that the cluster of --on context pulls images from')
  .option('--port-offset <n>', `added to the local ports ${PARTS.map(({ port }) => port).join(', ')}`, portOffset, 0)
  .option('--no-open', 'open no browser')
  .parse()
  .opts<Options>();

try {
  if (options.down) await down();
  else await up();
} catch (error) {
  if (!(error instanceof Problem)) throw error;
  console.error(`try: ${error.message}`);
  process.exitCode = 1;
}

async function down(): Promise<void> {
  const record = readRecord();
  if (record === undefined) {
    console.log('There is nothing to remove: no trial of this clone is up.');
    return;
  }
  await takeDown(record);
  console.log('It is gone.');
}

async function up(): Promise<void> {
  await checkPorts(PARTS, options.portOffset);
  const machine = lookAround();
  const on = (options.on === undefined ? readRecord()?.on : undefined) ?? (await chosen(machine));
  const interruption = new AbortController();
  onInterrupt(() => {
    interruption.abort();
  });
  const { signal } = interruption;
  const trial = await bringUp({ ...options, on, context: machine.context ?? '', signal });
  await watch(trial, signal);
}

/** The place to run, after a question where it is the user's own cluster. */
async function chosen(machine: Machine): Promise<PlatformName> {
  const choice = choose(machine, options.on);
  if ('use' in choice) return choice.use;
  if (await agrees(choice.ask)) return 'context';
  const noContext = `the context ${choice.ask} is not to be used`;
  const other = choose({ ...machine, context: undefined, noContext });
  return 'use' in other ? other.use : 'context';
}

async function agrees(context: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    console.log(
      `── the cluster of the current context, ${context}, is not used without asking: npm run try -- --on context`,
    );
    return false;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(
    `Install into the cluster of the context ${context}, namespace ${options.namespace}? [y/N] `,
  );
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

/** Forwards ports until it is interrupted. */
async function watch(trial: Trial, signal: AbortSignal): Promise<void> {
  const forwards = new Forwards();
  const interrupted = signal.aborted ? Promise.resolve() : once(signal, 'abort');
  try {
    await Promise.race([interrupted, forwards.start(trial.runner, partsOn(trial.place), options.portOffset)]);
    if (signal.aborted) return;
    await say(trial);
    await interrupted;
  } finally {
    forwards.end();
  }
}

/** Prints what there is to try, and opens the pages. */
async function say({ place, runner }: Trial): Promise<void> {
  const parts = partsOn(place);
  console.log(guide(place, options.namespace, options.portOffset, await password({ place, runner })));
  const pages = [SERVICE, GRAFANA]
    .filter((part) => parts.includes(part))
    .map((part) => addressOf(part, options.portOffset));
  const closed = options.open ? pages.filter((page) => !openPage(page)) : [];
  if (closed.length > 0) console.log(`(no browser could be opened here: open ${closed.join(' and ')} yourself)`);
}

async function password({ place, runner }: Trial): Promise<string | undefined> {
  if (place.withoutGrafana !== '') return undefined;
  const query = 'jsonpath={.data.admin-password}';
  const { stdout } = await runner.run(runner.kubectl('get', 'secret', `${FULL_NAME}-grafana`, '--output', query));
  return Buffer.from(stdout, 'base64').toString();
}
