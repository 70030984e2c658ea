import { existsSync, readFileSync } from 'node:fs';
import { markdownTable } from '../lib/markdown-table.ts';
import { SIMULATION_HEADINGS, simulationCells, type SimulationReport } from './rollout/report.ts';
import { shortNumber, type Figure } from './support/bench.ts';
import { ALL_ON, BARE } from './support/contenders.ts';
import {
  contendersOf,
  measureRows,
  plainFigures,
  ratioText,
  targetFigures,
  valueText,
  type MeasureRow,
  type Overview,
  type PartReport,
} from './support/overview-result.ts';

/**
 * Generated blocks of docs/performance.md: what `npm run bench` and `npm run bench -- fleet-simulation --check` last wrote to
 * bench/results/. Each part of the overview has a block of its name.
 */
export function performanceBlocks(): Readonly<Record<string, string>> {
  const overview = readResult('overview.json') as Overview;
  const { played, checked } = readResult('fleet-simulation.json') as SimulationReport;
  return {
    machine: machineTable(overview),
    targets: targetsTable(overview),
    ...Object.fromEntries(overview.parts.map((part) => [part.bench, partBlock(part)])),
    sizing: sizingTable(overview),
    fleet: markdownTable(
      SIMULATION_HEADINGS,
      played.map((each) => simulationCells(each.options, each.result, each.name)),
    ),
    'fleet-peaks': peaksTable(played),
    'fleet-check': markdownTable(
      SIMULATION_HEADINGS,
      (checked ?? []).flatMap(({ options, simulated, real }) => [
        simulationCells(options, simulated, 'simulated'),
        simulationCells(options, real, 'real'),
      ]),
    ),
  };
}

/** The generated block of docs/reliability.md: what `npm run bench -- storm --json` last wrote to bench/results/storm.json. */
export function stormBlock(): string {
  const file = 'storm.json';
  if (!existsSync(resultUrl(file))) return 'No run of it is kept yet.';
  const part = readResult(file) as PartReport;
  return `Node.js ${part.node}, ${part.cpus} cores, ${part.cpu}. ${partBlock(part)}`;
}

function machineTable({ at, parts }: Overview): string {
  const [machine] = parts;
  return markdownTable(
    ['Measured on', 'Node.js', 'Cores', 'CPU'],
    [[at.slice(0, 10), machine?.node ?? '', String(machine?.cpus ?? ''), machine?.cpu ?? '']],
  );
}

function targetsTable(overview: Overview): string {
  return markdownTable(
    ['Figure', 'Found', 'Target', ''],
    targetFigures(overview).map((each) => [
      each.name,
      `${valueText(each)} ${each.unit}`,
      each.target ?? '',
      each.met === true ? 'met' : '**missed**',
    ]),
  );
}

function partBlock(part: PartReport): string {
  const compared = measureRows(part);
  const plain = plainFigures(part);
  return [
    `\`npm run bench -- ${part.bench}\`: ${part.method}.`,
    ...(compared.length > 0 ? [contendersTable(contendersOf(part), compared)] : []),
    ...(plain.length > 0 ? [plainTable(plain)] : []),
  ].join('\n\n');
}

function contendersTable(contenders: readonly string[], measures: readonly MeasureRow[]): string {
  const unit = ({ unit: text }: MeasureRow): string => (text === '' ? '' : `, ${text}`);
  const cell = (measure: MeasureRow, contender: string): string => {
    const [value, ratio] = [measure.values.get(contender), measure.ratios.get(contender)];
    if (value === undefined) return '';
    return ratio === undefined ? valueText(value) : `${valueText(value)}; ${ratioText(ratio)}`;
  };
  return markdownTable(
    ['', ...contenders],
    measures.map((measure) => [`${measure.name}${unit(measure)}`, ...contenders.map((each) => cell(measure, each))]),
  );
}

function plainTable(figures: readonly Figure[]): string {
  return markdownTable(
    ['Figure', 'Found'],
    figures.map((each) => [each.name, `${valueText(each)} ${each.unit}`]),
  );
}

function sizingTable({ parts }: Overview): string {
  const valueOf = (part: string, measure: string, contender: string): number =>
    parts
      .find(({ bench }) => bench === part)
      ?.figures.find((each) => each.measure === measure && each.contender === contender && each.baseline === undefined)
      ?.value ?? NaN;
  const cpu = valueOf('message-cost', 'CPU time of the process a message', ALL_ON);
  const bytes = valueOf('memory', 'resident before the collections, a connection', ALL_ON);
  const loop = (contender: string): string =>
    shortNumber(valueOf('message-cost', 'event loop active a message', contender));
  return markdownTable(
    ['Everything on', ''],
    [
      ['CPU time a message', `${shortNumber(cpu)} µs`],
      ['event loop active a message', `${loop(ALL_ON)} µs (bare server: ${loop(BARE)} µs)`],
      ['messages a second that one CPU of this machine can handle', shortNumber(Math.floor(1e6 / cpu))],
      ['memory of an idle connection, before garbage is collected', `${shortNumber(bytes / 1024)} KiB`],
      ['idle connections a GiB', shortNumber(Math.floor(2 ** 30 / bytes / 1000) * 1000)],
    ],
  );
}

/** How much busier the busiest second of one pod is without what spreads reconnects. */
function peaksTable(played: SimulationReport['played']): string {
  const usual = played.find(({ name, options }) => name === 'size' && options.pods === 100 && options.maxSurge === 25);
  return markdownTable(
    ['Left out', 'Reconnects at one pod in its busiest second, to the default'],
    ['no spread', 'no spread, no delay'].map((name) => {
      const peak = played.find((each) => each.name === name)?.result.peakAtOnePod ?? NaN;
      return [name, `${(peak / (usual?.result.peakAtOnePod ?? NaN)).toFixed(1)}×`];
    }),
  );
}

function readResult(file: string): unknown {
  return JSON.parse(readFileSync(resultUrl(file), 'utf8'));
}

function resultUrl(file: string): URL {
  return new URL(`results/${file}`, import.meta.url);
}
