/**
 * Fuzzes the running service by properties on fast-check: handshakes, plain requests and frames, many of them damaged, beside a
 * well-behaved client that checks its own counts (bench/fuzz/parts.ts says which properties). `npm run fuzz -- --help`.
 */
import { writeFileSync } from 'node:fs';
import { Option } from 'commander';
import { outputFile, positiveInteger, program, USAGE } from '../lib/program.ts';
import { PARTS, type Part } from './fuzz/parts.ts';
import { runPart, type PartReport } from './fuzz/run-part.ts';

const DEFAULT_INPUTS = 100_000;

const command = program(
  'npm run fuzz --',
  'Sends random and damaged handshakes and frames to a running service, and checks what comes back.',
)
  .option('--inputs <number>', 'requests and frames to send', positiveInteger, DEFAULT_INPUTS)
  .option('--seed <number>', 'repeats a run; by default a random one, which is printed', positiveInteger)
  .addOption(new Option('--part <name>', 'the only part to run').choices(PARTS.map(({ name }) => name)))
  .option('--only <path>', "fast-check's path to one input, as a failure prints it; with --part and --seed")
  .option('--json <file>', 'also write the report to this file', outputFile)
  .parse();
const options = command.opts<{ inputs: number; seed?: number; part?: string; only?: string; json?: string }>();
if (options.only !== undefined && (options.part === undefined || options.seed === undefined))
  command.error('--only repeats one input of one part: add --part and --seed', { exitCode: USAGE });
if (options.only !== undefined && !/^\d+(:\d+)*$/.test(options.only))
  command.error(`--only ${options.only} must be a path such as 12:0:3`, { exitCode: USAGE });

const seed = options.seed ?? Math.floor(Math.random() * 2 ** 31) + 1;
const parts = PARTS.filter(({ name }) => options.part === undefined || name === options.part);
console.log(`fuzz: ${options.inputs} inputs, seed ${seed}`);
const reports: PartReport[] = [];
for (const part of parts) {
  const inputs = parts.length === 1 ? options.inputs : Math.ceil((options.inputs * part.percent) / 100);
  const report = await runPart(part, { seed, inputs, only: options.only });
  reports.push(report);
  console.log(describe(part, report));
}
const sent = reports.reduce((sum, { inputs }) => sum + inputs, 0);
const failed = reports.filter(({ failure }) => failure !== undefined).length;
console.log(`fuzz: ${sent} inputs sent, ${failed} of ${reports.length} parts failed, seed ${seed}`);
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify({ seed, sent, reports }, null, 2)}\n`);
if (failed > 0) process.exitCode = 1;

function describe({ purpose }: Part, report: PartReport): string {
  const { part, inputs, connections, messages, checked, seconds, heapGrowth, failure } = report;
  return [
    `${part}: the service, ${purpose}`,
    `  ${inputs} inputs on ${connections} connections in ${seconds.toFixed(1)} s; ${messages} messages counted`,
    `  checking client: ${checked} counts right; heap ${(heapGrowth / 1e6).toFixed(2)} MB larger at the end`,
    ...(failure === undefined ? [] : [`  FAILED: ${failure}`]),
  ].join('\n');
}
