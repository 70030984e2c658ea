/**
 * A process with a part of the clients. Started by {@link Fleet}, which it takes orders from over IPC; ends when that
 * goes away.
 */
import { monitorEventLoopDelay, performance, type Histogram } from 'node:perf_hooks';
import { Clients } from './clients.ts';
import type { Dialect } from './dialect.ts';
import type { Done, Order, WorkerReport } from './messages.ts';
import { quantilesOf, type Quantiles } from './quantiles.ts';

/** How often the coordinator gets a report, in milliseconds. */
const REPORT_MS = 1000;
/** How often the lateness of the event loop is measured, in milliseconds. */
const RESOLUTION_MS = 10;

let clients: Clients | undefined;
let send: (second?: number) => void = () => undefined;
const lateInRun = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
const lateInSecond = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

process.on('message', (order: Order) => {
  void obey(order).then(
    () => {
      send();
      answer({ done: order.id });
    },
    (error: unknown) => {
      answer({ done: order.id, problem: String(error) });
    },
  );
});
process.on('disconnect', () => process.exit(1));
// Ctrl-C reaches the whole process group: the coordinator decides what happens then.
process.on('SIGINT', () => undefined).on('SIGTERM', () => undefined);
answer({ done: 0 });

async function obey(order: Order): Promise<void> {
  if (order.order === 'start') await start(order);
  if (order.order === 'send') await clients?.send(order.load);
  if (order.order === 'drop') clients?.drop(order.share);
  if (order.order === 'finish') {
    // Closing thousands of sockets at the end takes its time, and affects no figure.
    lateInRun.disable();
    await clients?.finish();
  }
}

async function start({ plan, worker, startAt }: Extract<Order, { order: 'start' }>): Promise<void> {
  const dialect =
    plan.dialect === undefined ? undefined : ((await import(plan.dialect)) as { dialect: Dialect }).dialect;
  // Not within the client's own change of state.
  const running = new Clients(plan, worker, startAt, () => setImmediate(send), dialect);
  let loop = performance.eventLoopUtilization();
  send = (second) => {
    const current = performance.eventLoopUtilization();
    const { user, system } = process.cpuUsage();
    const report: WorkerReport = {
      worker,
      second,
      sums: { ...running.sums, cpuSeconds: (user + system) / 1e6 },
      lastFirstOpenMs: running.lastFirstOpenMs,
      // Of a whole second: some milliseconds that happen to be busy say nothing.
      busy: second === undefined ? 0 : performance.eventLoopUtilization(current, loop).utilization,
      lateMs: lateness(lateInSecond).max ?? 0,
      loopDelay: lateness(lateInRun),
      ...running.tally.takeNews(),
    };
    if (second !== undefined) {
      loop = current;
      lateInSecond.reset();
    }
    process.send?.(report);
  };
  lateInRun.enable();
  lateInSecond.enable();
  running.start();
  clients = running;
  const zero = startAt - performance.timeOrigin;
  const reportAt = (second: number): void => {
    setTimeout(
      () => {
        send(second);
        reportAt(second + 1);
      },
      // A process that was late by more than a second reports at once.
      Math.max(0, zero + second * REPORT_MS - performance.now()),
    );
  };
  reportAt(1);
}

/** Node.js measures the time from one look to the next. */
function lateness(histogram: Histogram): Quantiles {
  return quantilesOf(histogram.count, (percent) => Math.max(0, histogram.percentile(percent) / 1e6 - RESOLUTION_MS));
}

function answer(message: Done): void {
  process.send?.(message);
}
