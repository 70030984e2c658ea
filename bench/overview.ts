/**
 * Runs the parts of the overview one after another, and makes one table, one JSON and one page of what they found. Each part keeps its
 * result in .cache/bench/overview.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { renderOverview } from './support/overview-page.ts';
import { describeOverview, type Overview, type PartReport } from './support/overview-result.ts';

/** In this order: what needs a quiet machine most comes first. */
export const OVERVIEW_PARTS: readonly string[] = [
  'message-cost',
  'latency',
  'accepting',
  'memory',
  'startup',
  'scrape',
  'drain',
  'loki-away',
];
const CACHE = fileURLToPath(new URL('../.cache/bench/overview/', import.meta.url));
export const OVERVIEW_JSON = join(CACHE, 'overview.json');
export const OVERVIEW_PAGE = join(CACHE, 'overview.html');
const QUICK = ['--rounds', '1', '--sockets', '1000'];

/** How the overview is run. */
export interface OverviewOptions {
  /** One round with few sockets. */
  readonly quick: boolean;
  /** Takes the parts that were measured before. */
  readonly reuse: boolean;
  readonly parts: readonly string[];
  /** Files for the figures and for the page. */
  readonly json: string;
  readonly html: string;
}

export function runOverview(options: OverviewOptions): void {
  const { quick, parts, json, html } = options;
  mkdirSync(CACHE, { recursive: true });
  const overview: Overview = {
    at: new Date().toISOString(),
    quick,
    parts: parts.map((part) => partReport(part, options)),
  };
  writeFileSync(json, `${JSON.stringify(overview, null, 2)}\n`);
  writeFileSync(html, renderOverview(overview));
  console.log(`${describeOverview(overview)}\n\nAs JSON: ${json}\nWith plots: ${html}`);
  if (overview.parts.some(({ faults }) => faults.length > 0)) process.exitCode = 1;
}

/** Runs a part in a process of its own, or takes what it found before. */
function partReport(part: string, { quick, reuse }: OverviewOptions): PartReport {
  const file = join(CACHE, `${part}${quick ? '-quick' : ''}.json`);
  if (!reuse || !existsSync(file)) {
    const run = fileURLToPath(new URL('run.ts', import.meta.url));
    const args = [run, part, '--json', file, ...(quick ? QUICK : [])];
    const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
    // 1 is a fault, and in the report.
    if (status !== 0 && status !== 1) throw new Error(`the part ${part} ended with status ${status}`);
  }
  return JSON.parse(readFileSync(file, 'utf8')) as PartReport;
}
