#!/usr/bin/env node
/** `npm run chaos`: faults drawn at random, several at once, and a check of every count that a client received. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Option } from 'commander';
import { positiveInteger, program } from '../../lib/program.ts';
import { kindsOf } from './faults.ts';
import { MODES, type Mode } from './history.ts';
import { describeRun } from './report.ts';
import { run } from './run.ts';
import { drawFaults } from './schedule.ts';

const FOLDER = join('.cache', 'chaos');

const command = program(
  'npm run chaos --',
  'Does random faults to the service, its store and its links, and checks that no count that a client received is lost.',
)
  .option('--faults <number>', 'faults to draw', positiveInteger, 20)
  .option('--seed <number>', 'repeats a run; by default a random one, which is printed', positiveInteger)
  .addOption(new Option('--mode <mode>', 'how counts are kept').choices(MODES).default('strict'))
  .option('--instances <number>', 'processes of the service', positiveInteger, 3)
  .option('--clients <number>', 'good clients, one session each', positiveInteger, 60)
  .option('--no-loki', 'without Loki and its faults')
  .option('--quiet', 'do not print each fault', false)
  .parse();
const options = command.opts<{
  faults: number;
  seed?: number;
  mode: Mode;
  instances: number;
  clients: number;
  loki: boolean;
  quiet: boolean;
}>();
const seed = options.seed ?? Math.floor(Math.random() * 2 ** 31) + 1;
mkdirSync(FOLDER, { recursive: true });
process.stdout.write(`chaos: ${options.faults} faults in ${options.mode} mode, seed ${seed}\n`);
const startedAt = performance.now();
const result = await run({
  ...options,
  faults: drawFaults(options.faults, seed, kindsOf(options.mode, options.loki)),
  history: join(FOLDER, `${options.mode}-${seed}.jsonl`),
  log: (line) => {
    if (options.quiet) return;
    process.stdout.write(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(7)} s  ${line}\n`);
  },
});
process.stdout.write(`${describeRun(result)}\n`);
process.exit(result.verdict.violations.length + result.problems.length > 0 ? 1 : 0);
