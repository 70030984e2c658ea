#!/usr/bin/env node
/** `npm run chaos`: faults drawn at random, several at once, and a check of every count that a client received. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import { positiveInteger, positiveNumber, program } from '../../lib/program.ts';
import { TOOLS } from '../../scripts/tools.ts';
import { Endings } from './endings.ts';
import { FAULTS, kindsOf } from './faults.ts';
import { MODES, type Mode } from './history.ts';
import { keepResult } from './kept-results.ts';
import { missingMeans } from './means.ts';
import { describeRun } from './report.ts';
import { run, type RunResult } from './run.ts';
import { enterSandbox } from './sandbox.ts';
import { drawFaults } from './schedule.ts';
import { shrink } from './shrink.ts';

const FOLDER = join('.cache', 'chaos');
/** Runs that look for fewer faults, at most. */
const SHRINKING_RUNS = 30;

const command = program(
  'npm run chaos --',
  'Does random faults to the service, its store and its links, and checks every count that a client receives.',
)
  .option('--faults <number>', 'faults to draw', positiveInteger, 20)
  .option('--seed <number>', 'repeats a run; by default a random one, which is printed', positiveInteger)
  .addOption(new Option('--mode <mode>', 'how counts are kept').choices(MODES).default('strict'))
  .addOption(
    new Option('--promise <mode>', 'check the promises of another mode: one that promises more must fail').choices(
      MODES,
    ),
  )
  .option('--pace <seconds>', 'mean time from the begin of a fault to that of the next', positiveNumber, 1)
  .option('--instances <number>', 'processes of the service', positiveInteger, 3)
  .option('--clients <number>', 'good clients, one session each', positiveInteger, 60)
  .option('--kinds <names>', 'draw only these kinds of faults, with commas between them', kindNames)
  .option('--only <numbers>', 'of the drawn faults only these, as --shrink prints them', numbers)
  .option('--shrink', `where the check fails, find few faults that are enough, in up to ${SHRINKING_RUNS} runs`, false)
  .addOption(
    new Option('--keep', 'keep the figures in chaos/results, for docs/reliability.md')
      .default(false)
      // The page names the command of a whole run.
      .conflicts(['promise', 'kinds', 'only']),
  )
  .option('--no-loki', 'without Loki and its faults')
  .option('--quiet', 'do not print each fault', false)
  .parse();
const { seed = Math.floor(Math.random() * 2 ** 31) + 1, ...options } = command.opts<{
  readonly faults: number;
  readonly seed?: number;
  readonly mode: Mode;
  readonly promise?: Mode;
  readonly pace: number;
  readonly instances: number;
  readonly clients: number;
  readonly kinds?: readonly string[];
  readonly only?: readonly number[];
  readonly shrink: boolean;
  readonly keep: boolean;
  readonly loki: boolean;
  readonly quiet: boolean;
}>();
requireNumbers();
enterSandbox();
const missing = missingMeans();
const drawn = drawFaults(options.faults, seed, possibleKinds(), options.pace);
const endings = new Endings();
mkdirSync(FOLDER, { recursive: true });
requireTools();

const chosen = options.only ?? [...drawn.keys()];
say(`chaos: ${chosen.length} faults in ${options.mode} mode, seed ${seed}`);
const result = await attempt(chosen);
say(describeRun(result));
if (options.keep) keepResult({ seed, ...options }, result);
if (failed(result)) {
  say(`repeat it: ${again(chosen)}`);
  if (options.shrink) await findFew();
}
process.exit(failed(result) ? 1 : 0);

function attempt(which: readonly number[]): Promise<RunResult> {
  const startedAt = performance.now();
  const seconds = (): string => ((performance.now() - startedAt) / 1000).toFixed(1).padStart(7);
  const choice = {
    ...options,
    promise: options.promise ?? options.mode,
    faults: which.flatMap((index) => drawn[index] ?? []),
    history: join(FOLDER, `${options.mode}-${seed}.jsonl`),
    log: (line: string) => {
      if (!options.quiet) say(`${seconds()} s  ${line}`);
    },
  };
  return endings.during((t) => run(choice, t));
}

async function findFew(): Promise<void> {
  const few = await shrink(
    chosen,
    async (part) => {
      const failure = failed(await attempt(part));
      say(`shrink: ${part.length} faults ${failure ? 'fail' : 'pass'}`);
      return failure;
    },
    SHRINKING_RUNS,
  );
  writeFileSync(join(FOLDER, `${options.mode}-${seed}.few.json`), JSON.stringify(few.map((index) => drawn[index])));
  say(`shrunk to ${few.length} faults: ${again(few)}`);
}

function failed({ verdict, problems }: RunResult): boolean {
  return verdict.violations.length + problems.length > 0;
}

/** The command that does it again. */
function again(which: readonly number[]): string {
  const { faults, mode, promise, pace, instances, clients, kinds, loki } = options;
  return [
    `npm run chaos -- --mode ${mode} --faults ${faults} --seed ${seed} --pace ${pace} --instances ${instances} --clients ${clients}`,
    ...(promise === undefined ? [] : [`--promise ${promise}`]),
    ...(kinds === undefined ? [] : [`--kinds ${kinds.join(',')}`]),
    ...(loki ? [] : ['--no-loki']),
    ...(which.length === faults ? [] : [`--only ${which.join(',')}`]),
  ].join(' ');
}

/** A number that no fault has would leave a run without faults, which passes. */
function requireNumbers(): void {
  const unknown = options.only?.find((number) => number >= options.faults);
  if (unknown !== undefined)
    command.error(`--only ${unknown}: there is no such fault, they are numbered 0 to ${options.faults - 1}`);
}

function requireTools(): void {
  const needed = [TOOLS.haproxy, TOOLS.redis, TOOLS.toxiproxy, ...(options.loki ? [TOOLS.loki] : [])];
  for (const { name, find, howToGet } of needed)
    if (find() === undefined) command.error(`${name} is missing: ${howToGet}`, { exitCode: 1 });
}

/** The kinds that the mode has and this machine can do. Says which ones it can't. */
function possibleKinds(): readonly string[] {
  const wanted = kindsOf(options.mode, options.loki).filter((kind) => options.kinds?.includes(kind) ?? true);
  for (const [means, reason] of missing) {
    const without = wanted.filter((kind) => FAULTS[kind]?.needs === means);
    if (without.length > 0) say(`left out: ${without.join(', ')}: no ${means} (${reason})`);
  }
  const possible = wanted.filter((kind) => ![...missing.keys()].some((means) => means === FAULTS[kind]?.needs));
  if (possible.length === 0) command.error(`no such fault in ${options.mode} mode on this machine`, { exitCode: 1 });
  return possible;
}

function kindNames(text: string): readonly string[] {
  const names = text.split(',');
  const unknown = names.find((name) => !Object.hasOwn(FAULTS, name));
  if (unknown !== undefined)
    throw new InvalidArgumentError(`There is no ${unknown}; there are ${Object.keys(FAULTS).join(', ')}.`);
  return names;
}

function numbers(text: string): readonly number[] {
  if (!/^\d+(,\d+)*$/.test(text)) throw new InvalidArgumentError('It must be numbers with commas between them.');
  return text.split(',').map(Number);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
