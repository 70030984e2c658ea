/**
 * Runs the parts of the overview one after another, and makes one table, one JSON and one page of what they found.
 * `npm run bench [-- --quick] [--reuse] [--parts NAME,...] [--json FILE] [--html FILE]`.
 *
 * Each part keeps its result in .cache/bench/overview; `--reuse` takes what is there and runs what is missing. `--quick` makes one
 * round of each, with a tenth of the sockets: for a look, not for a claim.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeOverview, type Overview, type PartReport } from './support/overview-result.ts';
import { renderOverview } from './support/overview-page.ts';

/** In this order: what needs a quiet machine most comes first. */
const PARTS = ['message-cost', 'latency', 'accepting', 'memory', 'startup', 'scrape', 'drain', 'loki-away'];
const CACHE = fileURLToPath(new URL('../.cache/bench/overview/', import.meta.url));
const QUICK = ['--rounds', '1', '--sockets', '1000'];

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    reuse: { type: 'boolean', default: false },
    parts: { type: 'string', default: PARTS.join(',') },
    json: { type: 'string', default: join(CACHE, 'overview.json') },
    html: { type: 'string', default: join(CACHE, 'overview.html') },
  },
});

const parts = values.parts.split(',');
const unknown = parts.filter((part) => !PARTS.includes(part));
if (unknown.length > 0) {
  console.error(`bench: --parts ${unknown.join(',')} must be among ${PARTS.join(', ')}`);
  process.exit(2);
}
mkdirSync(CACHE, { recursive: true });
const overview: Overview = { at: new Date().toISOString(), quick: values.quick, parts: parts.map(partReport) };
writeFileSync(values.json, `${JSON.stringify(overview, null, 2)}\n`);
writeFileSync(values.html, renderOverview(overview));
console.log(`${describeOverview(overview)}\n\nAs JSON: ${values.json}\nWith plots: ${values.html}`);
if (overview.parts.some(({ faults }) => faults.length > 0)) process.exitCode = 1;

/** Runs a part in a process of its own, or takes what it found before. */
function partReport(part: string): PartReport {
  const file = join(CACHE, `${part}${values.quick ? '-quick' : ''}.json`);
  if (!values.reuse || !existsSync(file)) {
    const run = fileURLToPath(new URL('run.ts', import.meta.url));
    const args = [run, part, '--json', file, ...(values.quick ? QUICK : [])];
    const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
    // 1 is a fault, and in the report.
    if (status !== 0 && status !== 1) throw new Error(`the part ${part} ended with status ${status}`);
  }
  return JSON.parse(readFileSync(file, 'utf8')) as PartReport;
}
