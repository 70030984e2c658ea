/** Every benchmark, with its flags: `npm run bench -- --help`. Without a name it runs the overview. */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { InvalidArgumentError, Option } from 'commander';
import { outputFile, positiveInteger, program, USAGE } from '../lib/program.ts';
import { accepting } from './accepting.ts';
import { capacity } from './capacity.ts';
import { drain } from './drain.ts';
import { simulateFleets } from './fleet-simulation.ts';
import { latency } from './latency.ts';
import { measureLoadtestCost } from './loadtest-cost.ts';
import { lokiAway } from './loki-away.ts';
import { lokiDelay } from './loki-delay.ts';
import { lokiOutage } from './loki-outage.ts';
import { memory } from './memory.ts';
import { messageCosts } from './message-cost.ts';
import { OVERVIEW_JSON, OVERVIEW_PAGE, OVERVIEW_PARTS, runOverview } from './overview.ts';
import { scrape } from './scrape.ts';
import { startup } from './startup.ts';
import { store } from './store.ts';
import { storm } from './storm.ts';
import { describeResult, SERVERS, type Bench, type BenchOptions, type BenchResult } from './support/bench.ts';

const BENCHES: readonly Bench[] = [
  startup,
  messageCosts,
  latency,
  accepting,
  memory,
  scrape,
  drain,
  lokiAway,
  lokiOutage,
  lokiDelay,
  capacity,
  store,
  storm,
];
const DEFAULT_SOCKETS = 10_000;

const cli = program('npm run bench --', 'Measures the service, beside a bare ws server and others.');
cli
  .command('overview', { isDefault: true })
  .description('all that the targets are about, as one table, JSON and page; runs when no name is given')
  .option('--quick', 'one round of each, with a tenth of the sockets: for a look, not for a claim', false)
  .option('--reuse', 'take the parts that were measured before, and run those that are missing', false)
  .option('--parts <names>', `the parts to run, of ${OVERVIEW_PARTS.join(',')}`, partNames, OVERVIEW_PARTS)
  .option('--json <file>', 'file for the figures', outputFile, OVERVIEW_JSON)
  .option('--html <file>', 'file for the page', outputFile, OVERVIEW_PAGE)
  .action(runOverview);
for (const bench of BENCHES)
  cli
    .command(bench.name)
    .description(bench.summary)
    .option('--rounds <number>', 'rounds, of which the median counts', positiveInteger, bench.rounds)
    .option('--sockets <number>', 'sockets, where many are opened', positiveInteger, DEFAULT_SOCKETS)
    .addOption(
      new Option('--servers <names...>', 'the servers to compare, where several are; ratios are to bare')
        .choices(SERVERS)
        .default(SERVERS, 'all'),
    )
    .option('--json <file>', 'also write the figures to this file', outputFile)
    .action((options: BenchOptions & { readonly json?: string }) => run(bench, options));
cli
  .command('fleet-simulation')
  .description('rollouts of 10 to 10,000 pods with 10,000 sockets each, simulated')
  .option('--seed <number>', 'another seed gives other chances', positiveInteger, 1)
  .option(
    '--check',
    'also make a small rollout of real processes, and print it beside the simulation of the same',
    false,
  )
  .option('--json <file>', 'also write the figures to this file', outputFile)
  .action(simulateFleets);
cli
  .command('loadtest-cost')
  .description('what the load test itself costs for each message and socket, beside other tools')
  .option('--rounds <number>', 'rounds, of which the median counts', positiveInteger, 3)
  .option('--seconds <number>', 'time of each measurement', positiveInteger, 10)
  .option('--json <file>', 'also write the figures to this file', outputFile)
  .action(async ({ json, ...options }: { rounds: number; seconds: number; json?: string }) => {
    report('loadtest-cost', options, await measureLoadtestCost(options), json);
  });

const [name = 'overview'] = process.argv.slice(2);
if (!name.startsWith('-') && name !== 'help' && !cli.commands.some((command) => command.name() === name))
  cli.error(`there is no benchmark "${name}"; there are ${cli.commands.map((command) => command.name()).join(', ')}`, {
    exitCode: USAGE,
  });
await cli.parseAsync();

async function run(bench: Bench, { json, ...options }: BenchOptions & { readonly json?: string }): Promise<void> {
  report(bench.name, options, await bench.run(options), json);
}

function report(bench: string, options: object, result: BenchResult, json: string | undefined): void {
  console.log(describeResult(bench, result));
  const machine = { node: process.version, cpu: cpus()[0]?.model ?? 'unknown', cpus: cpus().length };
  if (json !== undefined)
    writeFileSync(json, `${JSON.stringify({ bench, options, ...machine, ...result }, null, 2)}\n`);
  // A missed time is reported and no more; a wrong count is wrong on any machine.
  if (result.faults.length > 0) process.exitCode = 1;
}

function partNames(text: string): readonly string[] {
  const names = text.split(',');
  const unknown = names.filter((each) => !OVERVIEW_PARTS.includes(each));
  if (unknown.length > 0) throw new InvalidArgumentError(`There is no part ${unknown.join(', ')}.`);
  return names;
}
