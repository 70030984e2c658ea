import { readFileSync } from 'node:fs';
import { GENERATED } from '../scripts/service-docs.ts';
import { shortNumber, type Figure } from './support/bench.ts';
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
import { SIMULATION_HEADINGS, simulationCells, type SimulationReport } from './rollout/report.ts';
import { ALL_ON, BARE } from './support/contenders.ts';

/** docs/performance.md: what `npm run bench` and `npm run bench -- fleet-simulation --check` printed last, and what follows from it. */
export function renderPerformanceDocs(): string {
  const overview = readResult('overview.json') as Overview;
  const simulation = readResult('fleet-simulation.json') as SimulationReport;
  const [machine] = overview.parts;
  return `${GENERATED}

# Performance

The figures are as they were printed on ${overview.at.slice(0, 10)} with Node.js ${machine?.node ?? ''} on ${machine?.cpus ?? 0} cores (${machine?.cpu ?? ''}) by \`npm run bench\`, which writes them as JSON and as a page with
plots too; \`-- --quick\` is a short look, \`-- message-cost\` one part. Server, clients and Loki share the two cores, and **the machine had other work meanwhile** (builds, other tests): the values are
several times what a quiet one has, so look at the ratios, and at their spread. Values are medians of the rounds,
in brackets the least and the most; ratios are to a bare \`ws\` server that replies \`{"count": n}\` and does nothing else, of the same round. Where
the spread of a ratio has 1 in it, it says so instead of a number. All on is metrics, a JSON line for each message on stdout, and every line shipped to a live Loki.

Parts of the overview that have no section below (\`latency\`, \`accepting\`, \`memory\`, \`drain\`, \`loki-away\`) are there to be run, and have no figures kept yet. The same holds for Centrifugo, which is not among the contenders.

## Targets

${targetsTable(overview)}

${overview.parts.map(partSection).join('\n\n')}

${notes()}

## Sizing pods

${sizing(overview)}

## What a fleet needs

${fleetSection(simulation)}
`;
}

function targetsTable(overview: Overview): string {
  const rows = targetFigures(overview).map(
    (each) =>
      `| ${each.name} | ${valueText(each)} ${each.unit} | ${each.target ?? ''} | ${each.met === true ? 'met' : '**missed**'} |`,
  );
  return ['| Figure | Found | Target | |', '|---|---|---|---|', ...rows].join('\n');
}

function partSection(part: PartReport): string {
  const contenders = contendersOf(part);
  const compared = measureRows(part);
  const plain = plainFigures(part);
  return [
    `## ${TITLES[part.bench] ?? part.bench}`,
    `\`npm run bench -- ${part.bench}\`: ${part.method}.`,
    ...(compared.length > 0 ? [contendersTable(contenders, compared)] : []),
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
  return [
    `| | ${contenders.join(' | ')} |`,
    `|---|${contenders.map(() => '---|').join('')}`,
    ...measures.map(
      (measure) => `| ${measure.name}${unit(measure)} | ${contenders.map((each) => cell(measure, each)).join(' | ')} |`,
    ),
  ].join('\n');
}

function plainTable(figures: readonly Figure[]): string {
  return [
    '| Figure | Found |',
    '|---|---|',
    ...figures.map((each) => `| ${each.name} | ${valueText(each)} ${each.unit} |`),
  ].join('\n');
}

const TITLES: Readonly<Record<string, string>> = {
  'message-cost': 'What a message costs, as fast as it goes',
  latency: 'How late a reply is, at fixed rates',
  accepting: 'Accepting connections',
  memory: 'Memory of an idle connection',
  startup: 'Time to ready',
  scrape: 'A scrape',
  drain: 'A drain',
  'loki-away': 'Loki away under full load',
};

/** What the profiles showed (`node --cpu-prof dist/service/src/main.js` under the clients of message-cost). */
function notes(): string {
  return `## Where the time goes

Profiles of the service at full load, with its metrics and a line for each message (\`node --cpu-prof dist/service/src/main.js\`, 500 clients as in \`message-cost\`), taken on the same busy machine, say of the
time of the event loop:

| Share | What |
|---|---|
| 41 % | the system call that writes a reply to its socket: the TCP stack, and over loopback the receiver's side of it too |
| 25 % | Node.js' own JavaScript: streams, sockets, timers, and loading modules at the start |
| 10 % | ours: counting, metrics, putting the line together, handshakes |
| 8 % | the rest of Node.js and V8: reading, \`epoll\`, copying |
| 6 % | handing a batch of lines to the thread pool, and encoding it |
| 5 % | \`ws\`: frames, masks, UTF-8 |
| 3 % | garbage collection |

What they led to:

- **A reply is one short string written to the socket as a frame.** \`ws\` makes a frame's head and its payload two buffers and one gathered write (\`writev\`, 43 % of the samples before). The
  service with its metrics allocates less for a message than the bare server does, and no difference in time is seen. Where frames are compressed \`ws\` writes them, since it has a queue of its own then.
- **The line of a message** is put together by hand from parts that stay the same, with the text of its microseconds from a table; winston formats all other lines. Lines are handed on in batches of 64 KiB or
  5 ms: one conversion to bytes, one write by the thread pool, and one copy for the thread that ships them to Loki.
- **Levels that are off** are known before a line is formatted. winston formats first and drops afterwards: a drain of 10,000 clients made 10,000 lines for no one.
- **\`process_open_fds\` and the lists of handles** are left out of the scrape: they walk over every socket.

What limits it is the system calls, one read and one write for each message: Node.js has no way to put those of many sockets together. With all on, what is missed is not told apart yet from
what Loki, on the same two cores, takes from the service.`;
}

function sizing(overview: Overview): string {
  const valueOf = (part: string, measure: string, contender: string): number | undefined =>
    overview.parts
      .find(({ bench }) => bench === part)
      ?.figures.find((each) => each.measure === measure && each.contender === contender && each.baseline === undefined)
      ?.value;
  const cpu = valueOf('message-cost', 'CPU time of the process a message', ALL_ON);
  const loop = valueOf('message-cost', 'event loop active a message', ALL_ON);
  const bare = valueOf('message-cost', 'event loop active a message', BARE);
  const bytes = valueOf('memory', 'resident before the collections, a connection', ALL_ON);
  const points: string[] = [];
  if (cpu !== undefined && loop !== undefined && bare !== undefined)
    points.push(`- **Messages**: with everything on, a message took ${shortNumber(cpu)} µs of CPU time in all, and the event loop was active for ${shortNumber(loop)} µs, waiting for a core included (the bare
  server: ${shortNumber(bare)} µs). So one CPU of this machine, as busy as it was, is ${shortNumber(Math.floor(1e6 / cpu))} messages a second. Measure it where the pods run (\`npm run bench -- message-cost\`), and plan for half of it. More than
  one CPU helps only what is beside the event loop: lines on their way to Loki, and garbage collection.`);
  if (bytes !== undefined)
    points.push(
      `- **Connections**: an idle one takes ${shortNumber(bytes / 1024)} KiB before garbage is collected, so a GiB holds some ${shortNumber(Math.floor(2 ** 30 / bytes / 1000) * 1000)} of them, besides the process' own hundred MiB or so.`,
    );
  points.push(
    `- **What limits a pod's connections** is what its end means for its neighbours, below, and the descriptors: \`MAX_CONNECTIONS\` and some hundred.`,
  );
  return points.join('\n');
}

function fleetSection({ played, checked }: SimulationReport): string {
  const rows = played.map((each) => `| ${simulationCells(each.options, each.result, each.name).join(' | ')} |`);
  const trial = (checked ?? []).flatMap(({ options, simulated, real }) => [
    `| ${simulationCells(options, simulated, 'simulated').join(' | ')} |`,
    `| ${simulationCells(options, real, 'real').join(' | ')} |`,
  ]);
  const peak = (name: string): number => played.find((each) => each.name === name)?.result.peakAtOnePod ?? NaN;
  const usual = played.find(({ name, options }) => name === 'size' && options.pods === 100 && options.maxSurge === 25);
  const times = (name: string): string => (peak(name) / (usual?.result.peakAtOnePod ?? NaN)).toFixed(1);
  const head = [`| ${SIMULATION_HEADINGS.join(' | ')} |`, `|${SIMULATION_HEADINGS.map(() => '---|').join('')}`];
  return `\`npm run bench -- fleet-simulation\` plays rollouts through, of pods with 10,000 sockets each, by the service's own functions for the delay in the bye and for the window of its
closes. Surge is how many pods at a time; spare is by how much the fullest pod is over its 10,000 at the worst moment; closes are how often a client is moved.

${[...head, ...rows].join('\n')}

- **Reconnects a second** depend on how many pods drain at a time and over how long. At one pod they are about a thousand at most with up to a quarter of the fleet at a time and random balancing,
  whatever the size of the fleet; without spread they are ${times('no spread')} times as many, and without delays besides ${times('no spread, no delay')} times. Least connections and all at once send all of them to the new pods: twice as many each.
- **Spare capacity is what is easily forgotten**: who comes back is given any ready pod, an old one too, so the pods that are last hold far more than their share before it is their turn, and clients are
  moved more than once. The table sets no limit to a pod, to show what it takes: most with one pod at a time, which is the chart's default, less with a quarter of the fleet. A load balancer that gives new connections to the
  pod with the fewest needs none, and moves nobody twice. A pod that is at MAX_CONNECTIONS refuses with 503 and a delay.
- **Time** is the number of batches times (time to ready + \`minReadySeconds\`); a longer spread costs little, since the next batch starts beside it.

The same, made here for real (\`--check\`): two processes of the service, 1,000 clients each, one replaced after the other, beside the simulation of it. Closes a client and spare agree; the busiest
second of the real one does not: more in this run than simulated, as the table says; 300 and 223 in a run before this one. The cause was not looked for; the machine was busier in this one.

${[...head, ...trial].join('\n')}`;
}

function readResult(file: string): unknown {
  return JSON.parse(readFileSync(new URL(`results/${file}`, import.meta.url), 'utf8'));
}
