/**
 * What the load test itself costs: CPU time of its processes for each message answered, against other tools at the same
 * load on the same bare `ws` server, in turn, several rounds.
 *
 * Each of them reads the count in each reply; what the load test does beyond that (checks, schedule, histograms) is in its cost.
 * Each tool runs twice a round: at the load, and with its sockets open and idle. `all` is all of its CPU time for a message,
 * its start included; `for a message` is the difference that the messages make.
 *
 * Artillery is installed by npm into .cache/tools the first time. The gorilla/websocket client, the floor of what k6 costs,
 * is built where there is a Go toolchain. k6 itself is measured if the variable K6 names its binary.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Result } from '../loadtest/src/result.ts';
import { figure, type BenchResult, type Figure } from './support/bench.ts';
import { ServerProcess } from './support/server-process.ts';

/** A load that each of the tools can carry on one core. */
interface Load {
  readonly port: number;
  readonly sockets: number;
  /** Messages a second of each socket; 0 for the idle run. */
  readonly rate: number;
  readonly seconds: number;
}

/** A program that makes load. */
interface Tool {
  readonly name: string;
  /** Its command line; files may be written to `folder`. */
  readonly command: (load: Load, folder: string) => readonly string[];
  /** How many messages it had answered, or sent where it does not tell replies. */
  readonly messages: (stdout: string, folder: string) => number;
}

/** CPU time of one run and what it was for. */
interface Cost {
  readonly cpuMicros: number;
  readonly messages: number;
}

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const CACHE = join(ROOT, '.cache');
const TOOLS = join(CACHE, 'tools');
const SOCKETS = 200;
const RATE = 50;
/** Clock ticks a second of /proc/self/stat (proc(5)): 100 on every Linux in use. */
const TICKS = 100;
const MESSAGE = 'message message ';

/** Measures every tool that can be had. */
export async function measureLoadtestCost({
  rounds,
  seconds,
}: {
  rounds: number;
  seconds: number;
}): Promise<BenchResult> {
  const tools = [loadtest(), wsClient(), ...gorilla(), ...k6(), ...artillery()];
  const server = await ServerProcess.start('bare');
  const all = new Map<string, number[]>(tools.map(({ name }) => [name, []]));
  const marginal = new Map<string, number[]>(tools.map(({ name }) => [name, []]));
  const faults: string[] = [];
  try {
    for (let round = 1; round <= rounds; round += 1)
      for (const tool of tools) {
        const load: Load = { port: server.port, sockets: SOCKETS, rate: RATE, seconds };
        const idle = await costOf(tool, { ...load, rate: 0 });
        const busy = await costOf(tool, load);
        const due = SOCKETS * RATE * seconds;
        if (busy.messages < due * 0.85)
          faults.push(`${tool.name} made ${busy.messages} of ${due} messages in round ${round}`);
        all.get(tool.name)?.push(busy.cpuMicros / busy.messages);
        marginal.get(tool.name)?.push((busy.cpuMicros - idle.cpuMicros) / busy.messages);
        console.error(`bench: round ${round} of ${rounds}, ${tool.name}`);
      }
  } finally {
    await server.kill();
  }
  return {
    figures: [
      ...costs('all', all),
      ...costs('for a message', marginal),
      ...ratios('all', all),
      ...ratios('for a message', marginal),
    ],
    faults,
    method: `${SOCKETS} sockets, ${RATE} messages/s each, ${seconds} s, ${rounds} rounds in turn, CPU time of the tool and its children, bare ws server`,
  };
}

function loadtest(): Tool {
  // As it is shipped: built, so that its start does not take out types.
  const built = join(CACHE, 'bench/loadtest');
  execFileSync('npm', ['run', '--silent', 'build', '--', '--out', built], { cwd: ROOT, stdio: 'inherit' });
  const main = join(built, 'loadtest/src/main.js');
  return {
    name: 'load test',
    command: ({ port, sockets, rate, seconds: length }) => [
      ...[process.execPath, main, '--json', '--no-metrics', '--host', `ws://127.0.0.1:${port}`],
      ...['--sockets', String(sockets), '--rate', '1000', '--send-rate', String(rate), '--duration', String(length)],
    ],
    messages: (stdout) => (JSON.parse(stdout) as Result).messages.replied,
  };
}

function wsClient(): Tool {
  const program = join(CACHE, 'bench/ws-client.js');
  const source = readFileSync(new URL('support/ws-client.ts', import.meta.url), 'utf8');
  writeFileSync(program, stripTypeScriptTypes(source));
  return {
    name: 'bare ws client',
    command: ({ port, sockets, rate, seconds: length }) =>
      [process.execPath, program, `ws://127.0.0.1:${port}/ws/chat/`, sockets, rate, length].map(String),
    messages: Number,
  };
}

function gorilla(): Tool[] {
  const binary = join(TOOLS, 'gorilla-client');
  const source = fileURLToPath(new URL('support/gorilla-client', import.meta.url));
  mkdirSync(TOOLS, { recursive: true });
  const { status } = spawnSync('go', ['build', '-o', binary, '.'], { cwd: source, stdio: 'inherit' });
  if (status !== 0) {
    console.error('No Go toolchain: the gorilla/websocket client is left out.');
    return [];
  }
  return [
    {
      name: 'gorilla client',
      command: ({ port, sockets, rate, seconds: length }) =>
        [binary, `ws://127.0.0.1:${port}/ws/chat/`, sockets, rate, length].map(String),
      messages: Number,
    },
  ];
}

function k6(): Tool[] {
  const binary = process.env['K6'];
  if (binary === undefined) {
    console.error('k6 is left out: name its binary in the variable K6 to measure it.');
    return [];
  }
  const script = ({ port, sockets, rate, seconds: length }: Load): string => `
import ws from 'k6/ws';
export const options = { scenarios: { all: { executor: 'per-vu-iterations', vus: ${sockets}, iterations: 1 } } };
export default function () {
  ws.connect('ws://127.0.0.1:${port}/ws/chat/', {}, (socket) => {
    const begin = () => socket.setInterval(() => socket.send('${MESSAGE}'), ${1000 / Math.max(rate, 0.001)});
    // Spread over the period, as users are.
    socket.on('open', () => { if (${rate} > 0) socket.setTimeout(begin, 1 + Math.random() * ${1000 / Math.max(rate, 0.001)}); });
    socket.on('message', (message) => JSON.parse(message));
    socket.setTimeout(() => socket.close(), ${length * 1000});
  });
}`;
  return [
    {
      name: 'k6',
      command: (load, folder) => {
        writeFileSync(join(folder, 'script.js'), script(load));
        return [
          binary,
          'run',
          '--quiet',
          '--no-usage-report',
          '--summary-export',
          join(folder, 'summary.json'),
          join(folder, 'script.js'),
        ];
      },
      messages: (_stdout, folder) => {
        const summary = JSON.parse(readFileSync(join(folder, 'summary.json'), 'utf8')) as K6Summary;
        return summary.metrics.ws_msgs_received?.count ?? 0;
      },
    },
  ];
}

interface K6Summary {
  readonly metrics: { readonly ws_msgs_received?: { readonly count: number } };
}

function artillery(): Tool[] {
  const folder = join(TOOLS, 'artillery');
  const binary = join(folder, 'node_modules/artillery/bin/run');
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"private":true}\n');
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', 'artillery@2'], {
      cwd: folder,
      stdio: 'inherit',
    });
  }
  const config = ({ port, sockets, rate, seconds: length }: Load): object => ({
    config: { target: `ws://127.0.0.1:${port}/ws/chat/`, phases: [{ duration: 1, arrivalCount: sockets }] },
    scenarios: [
      {
        engine: 'ws',
        flow:
          rate === 0
            ? [{ think: length }]
            : [
                {
                  loop: [
                    { send: { payload: MESSAGE, capture: { json: '$.count', as: 'count' } } },
                    { think: `${1000 / rate}ms` },
                  ],
                  count: rate * length,
                },
              ],
      },
    ],
  });
  return [
    {
      name: 'Artillery',
      command: (load, runFolder) => {
        writeFileSync(join(runFolder, 'script.json'), JSON.stringify(config(load)));
        return [
          process.execPath,
          binary,
          'run',
          '--quiet',
          '--output',
          join(runFolder, 'out.json'),
          join(runFolder, 'script.json'),
        ];
      },
      messages: (_stdout, runFolder) => {
        const report = JSON.parse(readFileSync(join(runFolder, 'out.json'), 'utf8')) as ArtilleryReport;
        return report.aggregate.counters['websocket.messages_sent'] ?? 0;
      },
    },
  ];
}

interface ArtilleryReport {
  readonly aggregate: { readonly counters: Readonly<Record<string, number>> };
}

/** Runs a tool to its end. */
async function costOf(tool: Tool, load: Load): Promise<Cost> {
  const folder = mkdtempSync(join(tmpdir(), 'loadtest-cost-'));
  const [program = '', ...args] = tool.command(load, folder);
  const before = childrenCpuMicros();
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ARTILLERY_DISABLE_TELEMETRY: 'true' },
  });
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  const status = await new Promise((resolve) => child.on('close', resolve));
  if (status !== 0) throw new Error(`${tool.name} ended with status ${String(status)}: ${stdout}`);
  const cpuMicros = childrenCpuMicros() - before;
  const messages = load.rate === 0 ? 0 : tool.messages(stdout, folder);
  rmSync(folder, { recursive: true });
  return { cpuMicros, messages };
}

/** CPU time of all children that have ended, theirs included (proc(5): cutime, cstime). The server has not: it runs on. */
function childrenCpuMicros(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[13]) + Number(fields[14])) * 1e6) / TICKS;
}

function costs(what: string, micros: ReadonlyMap<string, readonly number[]>): Figure[] {
  return [...micros].map(([name, each]) => figure(`${name}, ${what}`, 'µs', each));
}

/** The load test's cost as a share of each other tool's, of the same round. */
function ratios(what: string, micros: ReadonlyMap<string, readonly number[]>): Figure[] {
  const own = micros.get('load test') ?? [];
  return [...micros]
    .filter(([name]) => name !== 'load test')
    .map(([name, each]) => {
      const shares = each.map((value, round) => (own[round] ?? NaN) / value);
      return figure(`load test / ${name}, ${what}`, '', shares, name === 'Artillery' ? { atMost: 0.5 } : undefined);
    });
}
