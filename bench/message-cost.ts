import type { Bench, BenchOptions, BenchResult } from './support/bench.ts';
import { faultsOf, saturate } from './support/clients.ts';
import type { Comparison, Measure } from './support/comparison.ts';
import { ALL_ON, compareInTurn, contendersFor, LINES, METRICS, type Contender } from './support/contenders.ts';
import { DIVISION } from './support/cores.ts';
import { messageCost, utilization } from './support/loop-sample.ts';
import { startRig } from './support/rig.ts';
import type { ServerProcess } from './support/server-process.ts';

const SOCKETS = 500;
/** Until the code is compiled that messages run through. */
const WARMUP_SECONDS = 1.5;
const SECONDS = 2;

const LOOP: Measure = {
  name: 'event loop active a message',
  unit: 'µs',
  ratioTargets: { [METRICS]: { atMost: 0.85 }, [LINES]: { atMost: 1 }, [ALL_ON]: { atMost: 1.3 } },
};
const LOOP_CPU: Measure = { name: "CPU time of the event loop's thread a message", unit: 'µs' };
const CPU: Measure = {
  name: 'CPU time of the process a message',
  unit: 'µs',
  ratioTargets: { [ALL_ON]: { atMost: 1.35 } },
};
const ALLOCATED: Measure = { name: 'allocated in the heap a message', unit: 'bytes' };
const THROUGHPUT: Measure = { name: 'messages answered', unit: '/s' };
const SERVER_BUSY: Measure = { name: 'server, share of time active', unit: '' };
/** On two cores that the load takes both of, Loki gets little CPU time: it is the reader that is slow here, not the service. */
const NOT_SHIPPED: Measure = { name: 'lines dropped and counted, since Loki was slower, as a share', unit: '' };
const CLIENT_BUSY: Measure = { name: 'client, share of time active', unit: '' };

/** What a message costs at full load. */
export const messageCosts: Bench = {
  name: 'message-cost',
  summary:
    'event-loop time, CPU time, bytes allocated and throughput for each message, as ratios to the bare ws server',
  rounds: 5,
  run: measure,
};

async function measure(options: BenchOptions): Promise<BenchResult> {
  const { rounds } = options;
  return {
    method: `${rounds} rounds, interleaved, each with a server of its own, ${DIVISION}; ${SOCKETS} sockets, each sends its next message when the last is answered, for ${SECONDS} s after ${WARMUP_SECONDS} s`,
    ...(await compareInTurn(contendersFor(options), rounds, measureOnce)),
  };
}

async function measureOnce(
  { name, kind, dialect }: Contender,
  env: Readonly<Record<string, string>>,
  comparison: Comparison,
): Promise<readonly string[]> {
  const rig = await startRig({ kind, env, dialect, sockets: SOCKETS });
  const { server, fleet } = rig;
  try {
    await saturate(fleet, WARMUP_SECONDS);
    const from = await server.sample();
    const { messages, report } = await saturate(fleet, SECONDS);
    const to = await server.sample();
    const { loopMicros, loopCpuMicros, cpuMicros, allocatedBytes } = messageCost(from, to, messages);
    comparison.add(name, LOOP, loopMicros);
    comparison.add(name, LOOP_CPU, loopCpuMicros);
    comparison.add(name, CPU, cpuMicros);
    comparison.add(name, ALLOCATED, allocatedBytes);
    comparison.add(name, THROUGHPUT, messages / report.seconds);
    comparison.add(name, SERVER_BUSY, utilization(from, to));
    comparison.add(name, CLIENT_BUSY, report.busy);
    const faults = faultsOf(report);
    return kind === 'service' ? [...faults, ...(await lostLines(server, name, comparison))] : faults;
  } finally {
    await rig.end();
  }
}

/** No line may be lost on its way to stdout, however much there is to do. */
async function lostLines(server: ServerProcess, name: string, comparison: Comparison): Promise<readonly string[]> {
  const scrape = await server.scrape();
  const dropped = (destination: string): number =>
    scrape.value(`websocket_log_lines_dropped_total{destination="${destination}",reason="buffer_full"}`);
  const written = scrape.value('websocket_log_lines_shipped_total{destination="stdout"}');
  if (name === ALL_ON) comparison.add(name, NOT_SHIPPED, dropped('loki') / written);
  return dropped('stdout') === 0 ? [] : [`${name} dropped ${dropped('stdout')} of its lines before stdout`];
}
