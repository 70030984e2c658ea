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
plots too; \`-- --quick\` is a short look, \`-- message-cost\` one part. What a message costs, how late a reply is, and how fast connections are accepted is measured with the server
kept to one core, clients and Loki to the other; in the rest all share both. Nothing else ran on them. Values are medians of the rounds,
in brackets the least and the most; ratios are to a bare \`ws\` server that replies \`{"count": n}\` and does nothing else, of the same round. Where
the spread of a ratio has 1 in it, it says so instead of a number. All on is metrics, a JSON line for each message on stdout, and every line shipped to a live Loki.
Centrifugo is written in Go, and would use more cores than the one; it publishes each message to a channel and counts nothing. Of what is not a program of Node.js only the CPU time is told, not an event loop's.

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

Profiles at full load, of the service with its metrics and a line for each message, and of the bare server (\`node --cpu-prof dist/service/src/main.js\`, 500 clients as in \`message-cost\`), say of the
time of the event loop:

| Share, service | Share, bare | What |
|---|---|---|
| 63 % | 62 % | the system call that writes a reply to its socket: the TCP stack, and over loopback the receiver's side of it too |
| 15 % | 19 % | Node.js' own JavaScript: streams, sockets, timers |
| 12 % | | ours: finding messages, counting, metrics, the line |
| 3 % | 3 % | native code that these call: handing lines to the thread pool, copying, clocks |
| 5 % | 6 % | the rest of Node.js and V8: reading, \`epoll\` |
| 0 % | 8 % | \`ws\`: frames, masks, UTF-8 |
| 2 % | 2 % | garbage collection |

What they led to:

- **A short text message is taken before \`ws\` sees it.** Nearly every message is one whole frame of ASCII text. \`ws\` carries it through a second stream, a list of buffers, four views and an
  event; here a scan over the chunk that the socket read finds it, and allocates nothing (\`service/src/connections/fast-path/short-text-scanner.ts\`). Anything else goes to \`ws\` from the first byte of its frame on. That is why a message with its metrics costs
  less than the bare server's: 1.14 times as much before it, on a quiet machine. Fuzzed with a million inputs; a property test compares it with \`ws\` over any chunks.
- **A reply is one short string written to the socket as a frame**, where \`ws\` makes a head and a payload, two buffers and one gathered write. Where frames are compressed \`ws\` reads and writes them.
- **The line of a message** is put together as bytes, in place (\`service/src/log/line-buffer.ts\`); winston formats all but those of messages and connections. As a string it was a tree of twelve parts, to be walked, copied and converted when it was written:
  three times as long (1,500 ns against 540, interleaved), and 900 bytes of garbage a line, so that the event loop stopped for a collection twice as often. Lines are handed on 64 KiB at a time or
  every 20 ms: one copy into blocks that are used again (new memory for each batch took 65 µs, most of it page faults), one write by the thread pool of all that wait, and one copy for the thread that ships them to Loki. With a write for each batch half of the lines were
  dropped at full load: the next write only began once the event loop had come round.
- **Memory of an idle connection**, by heap snapshots: listeners for five events a socket, in a hash table each, were 150 bytes of it; they are one overridden \`emit\` now. Two more listeners, a clock and
  an object of two fields were as much again. A connection with everything on was at 1.28 times the bare server's.
- **A bye and its close frame are one write**: two writes and a line by winston for each client took draining 10,000 of them at once from under 2.5 s to over 3.
- **A handshake that negotiates nothing** is answered by us: \`ws\` makes a hash object and a list of headers for each. Its SHA-1 (\`service/src/connections/accept-key.ts\`, 4 µs where \`crypto.hash\` took 9), and UUIDs that are one string from
  the start (\`service/src/protocol/uuid.ts\`) are ours for the same reason. What is left over the bare server is the client's address (a system call, 7 µs), the session, the longer answer and the line.
- **The thread that ships lines works for a tenth of a millisecond, and naps for a whole one** (\`service/src/loki/breather.ts\`), as long as lines do not pile up: in one piece of 6 ms it kept the event loop waiting for a slice of the scheduler,
  and in stretches of 0.25 ms with naps of 0.2 it took half of the core for as long as a push was made, which left a busy event loop as far behind. The event loop waited 4.8 µs a message for it before, 2.6 after (on cores of different speed on two hours of one day).
  Its pushes are written 64 KiB at a time, and lines that wait are compressed only once a whole push waits before them: either took more than a millisecond in one piece.
- **A push refers to the line before**, field by field (\`service/src/loki/push.ts\`): 248 KB for 1,520 lines of 521 KB, 462 before, in no more time. What is made for each line in that thread is used again: V8 collects its garbage with threads
  of usual priority, 3 ms at a time, which is time that the event loop waits where it has one core.
- **\`import 'node:http'\` loads undici**, for a WebSocket client that nobody asked for, and 50 ms of the start. The service gets the module another way (\`service/src/runtime/node-http.ts\`).
- **The store's client** made a signal with a time-out for every command, and an error of each, used or not. It has none now; the batches have a bound of their own.
- **\`process_open_fds\` and the lists of handles** are left out of the scrape: they walk over every socket.

What limits it is the system calls, one read and one write for each message: Node.js has no way to put those of many sockets together.

Every target is met by the figures above. Where it was closest:

- **p99 at 50 % load**, with a live Loki beside it, was 1.5 times the bare server's while the shipping thread worked in longer stretches, made twice as much garbage and pushed twice as many bytes. One window of 2 s in seven has a stall of 10 to 38 ms,
  whichever server is measured (the scheduler's trace shows a kernel thread, \`kdamond\`, on the server's core for up to 8 ms; the cause of the longer ones is not known). So the median of five windows counts for each round; in windows of 1 s a stall of 8 ms is the 99th percentile.
- **Accepting**: the rate is within the target; of the event loop's time a connection takes about a sixth more than the bare server's: the client's address (a system
  call, 7 µs), the session, the longer answer, the line. In a round the ratio may be lower than the target, as the spread says. A process that has just started is slower by a third and more, as the bare server is, until the code of a handshake is compiled; that has its own row.
- **Memory of a connection** is within the target by the median, and in some rounds beyond it: resident memory comes in pages. In V8's heap it is 1.09 times the bare server's, and no more in any round.
- **A scrape** is within its bound by the median of a hundred; what made the longest of them long was not traced. Their time has in it all that the event loop did meanwhile, heartbeats and garbage too; so have those of \`/healthz/\`, which vary as well.`;
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
  server: ${shortNumber(bare)} µs). So one CPU of this machine is ${shortNumber(Math.floor(1e6 / cpu))} messages a second. Measure it where the pods run (\`npm run bench -- message-cost\`), and plan for half of it. More than
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

The same, made here for real (\`--check\`): two processes of the service, 1,000 clients each, one replaced after the other, beside the simulation of it. On a quiet machine closes a client, spare and the
busiest second agree; on a busy one the real one is burstier.

${[...head, ...trial].join('\n')}`;
}

function readResult(file: string): unknown {
  return JSON.parse(readFileSync(new URL(`results/${file}`, import.meta.url), 'utf8'));
}
