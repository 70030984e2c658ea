/**
 * Fuzzes a running service: `npm run fuzz -- [--inputs N] [--seed N] [--part NAME] [--only N] [--json FILE]`.
 *
 * One input is one HTTP request, or one frame that the service reads, up to the one that ends its connection. Handshakes,
 * query strings, headers and frames are made by a grammar, at random, and many are damaged afterwards; an independent model of
 * RFC 6455 and the protocol table says what must come back. Beside them a well-behaved client checks its own counts.
 * A run fails on a crash, a connection that hangs, a leak (connections, files, heap), an error in the log, or a count, a
 * close code or a metric that is not the expected one. The seed repeats it; `--only` repeats one of its connections.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { runPart, type PartReport } from './fuzz/campaign.ts';
import { PARTS, type Part } from './fuzz/parts.ts';

const DEFAULT_INPUTS = 100_000;

const { values } = parseArgs({
  options: {
    inputs: { type: 'string' },
    seed: { type: 'string' },
    part: { type: 'string' },
    only: { type: 'string' },
    json: { type: 'string' },
  },
});
const inputs = wholeNumber('--inputs', values.inputs) ?? DEFAULT_INPUTS;
const seed = wholeNumber('--seed', values.seed) ?? Math.floor(Math.random() * 2 ** 31);
const only = wholeNumber('--only', values.only);
const parts = chosenParts(values.part);
if (only !== undefined && parts.length > 1) complain('--only N repeats one connection of one part: add --part NAME');

console.log(`fuzz: ${inputs} inputs, seed ${seed}`);
const reports: PartReport[] = [];
for (const part of parts) {
  const share = parts.length === 1 ? inputs : Math.ceil((inputs * part.percent) / 100);
  const report = await runPart(part, { seed, inputs: share, program: 'source', ...(only !== undefined && { only }) });
  reports.push(report);
  console.log(describe(part, report));
}
const sent = reports.reduce((sum, report) => sum + report.inputs, 0);
const faults = reports.flatMap((report) => report.faults);
console.log(`fuzz: ${sent} inputs sent, ${faults.length} faults, seed ${seed}`);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ seed, sent, reports }, null, 2)}\n`);
if (faults.length > 0) process.exitCode = 1;

function describe({ purpose }: Part, report: PartReport): string {
  const { part, connections, messages, opened, checked, seconds, heapGrowth } = report;
  const lines = [
    `${part}: ${purpose}`,
    `  ${report.inputs} inputs on ${connections} connections in ${seconds.toFixed(1)} s; ${opened} handshakes accepted, ${messages} messages counted`,
    `  checking client: ${checked.messages} counts right, over ${checked.connections} connections; heap ${(heapGrowth / 1e6).toFixed(2)} MB larger at the end`,
    ...report.faults.map((fault) => `  FAULT: ${fault}`),
  ];
  return lines.join('\n');
}

function chosenParts(name: string | undefined): readonly Part[] {
  if (name === undefined) return PARTS;
  const part = PARTS.find((each) => each.name === name);
  return part === undefined
    ? complain(`--part ${name} must be one of ${PARTS.map((each) => each.name).join(', ')}`)
    : [part];
}

function wholeNumber(option: string, raw: string | undefined): number | undefined {
  if (raw === undefined || /^\d+$/.test(raw)) return raw === undefined ? undefined : Number(raw);
  return complain(`${option} ${raw} must be a whole number`);
}

function complain(problem: string): never {
  console.error(`fuzz: ${problem}`);
  process.exit(2);
}
