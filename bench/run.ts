/**
 * Runs one benchmark: `npm run bench -- NAME [--rounds N] [--sockets N] [--json FILE]`. Without a name it runs the overview; `--list`
 * tells the names.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { accepting } from './accepting.ts';
import { capacity } from './capacity.ts';
import { drain } from './drain.ts';
import { latency } from './latency.ts';
import { lokiAway } from './loki-away.ts';
import { lokiDelay } from './loki-delay.ts';
import { lokiOutage } from './loki-outage.ts';
import { messageCosts } from './message-cost.ts';
import { memory } from './memory.ts';
import { scrape } from './scrape.ts';
import { startup } from './startup.ts';
import { store } from './store.ts';
import { describeResult, type Bench, type BenchOptions } from './support/bench.ts';

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
];
/** Benchmarks that are programs of their own, with their own arguments. */
const PROGRAMS: Readonly<Record<string, string>> = {
  overview: 'what runs without a name: all that the targets are about, as one table, JSON and page',
  'fleet-simulation':
    'rollouts of 10 to 10,000 pods with 10,000 sockets each, played through; --check makes a small one for real',
  'loadtest-cost': 'what the load test itself costs for each message and socket',
  'loadtest-latency': 'whether the load test measures latency right',
};
/** What the overview takes; anything else is a name that is not there, or a cry for help. */
const OVERVIEW_FLAG = /^--(quick|reuse|parts|json|html)\b/;
const DEFAULT_SOCKETS = 10_000;

const [name, ...rest] = process.argv.slice(2);
const bench = BENCHES.find((each) => each.name === name);
if (bench !== undefined) await run(bench, rest);
else if (name !== undefined && name in PROGRAMS) runProgram(name, rest);
else if (name === undefined || OVERVIEW_FLAG.test(name)) runProgram('overview', process.argv.slice(2));
else help(name);

async function run(chosen: Bench, args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { rounds: { type: 'string' }, sockets: { type: 'string' }, json: { type: 'string' } },
  });
  const options: BenchOptions = {
    rounds: wholeNumber('--rounds', values.rounds, chosen.rounds),
    sockets: wholeNumber('--sockets', values.sockets, DEFAULT_SOCKETS),
  };
  const result = await chosen.run(options);
  console.log(describeResult(chosen.name, result));
  if (values.json !== undefined) {
    const report = { bench: chosen.name, options, ...machine(), ...result };
    writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  }
  // A missed time is reported and no more; a wrong count is wrong on any machine.
  if (result.faults.length > 0) process.exitCode = 1;
}

function runProgram(program: string, args: readonly string[]): void {
  const path = fileURLToPath(new URL(`${program}.ts`, import.meta.url));
  if (!existsSync(path)) {
    console.error(`bench: ${program} is not in this copy: bench/${program}.ts is missing`);
    process.exitCode = 1;
    return;
  }
  process.exitCode = spawnSync(process.execPath, [path, ...args], { stdio: 'inherit' }).status ?? 1;
}

function help(asked: string): void {
  const all = [...BENCHES.map((each) => [each.name, each.summary] as const), ...Object.entries(PROGRAMS)];
  const width = Math.max(...all.map(([each]) => each.length));
  const list = all.map(([each, summary]) => `  ${each.padEnd(width)}  ${summary}`).join('\n');
  const usage = [
    'npm run bench [-- --quick] [--reuse] [--parts NAME,...] [--json FILE] [--html FILE]   the overview',
    'npm run bench -- NAME [--rounds N] [--sockets N] [--json FILE]                      one benchmark',
  ];
  const text = `${usage.join('\n')}\n\n${list}\n`;
  const unknown = asked !== '--help' && asked !== '--list';
  if (unknown) console.error(`bench: there is no benchmark ${JSON.stringify(asked)}\n`);
  console.log(text);
  process.exitCode = unknown ? 2 : 0;
}

function machine(): { node: string; cpu: string; cpus: number } {
  return { node: process.version, cpu: cpus()[0]?.model ?? 'unknown', cpus: cpus().length };
}

function wholeNumber(option: string, raw: string | undefined, fallback: number): number {
  if (raw === undefined) return fallback;
  if (/^[1-9]\d*$/.test(raw)) return Number(raw);
  console.error(`bench: ${option} ${raw} must be a whole number of at least 1`);
  process.exit(2);
}
