/** A process with a part of the clients. Started by the coordinator, which it takes orders from over IPC; ends when it goes away. */
import { performance } from 'node:perf_hooks';
import { Fleet } from './fleet.ts';
import type { Order, WorkerReady, WorkerReport } from './messages.ts';
import type { Plan } from './plan.ts';

/** How often the coordinator is told, in milliseconds. */
const REPORT_MS = 1000;

let fleet: Fleet | undefined;

process.on('message', (order: Order) => {
  if (order.order === 'start') start(order.plan, order.worker, order.startAt);
  else void fleet?.finish().then(leave);
});
process.on('disconnect', () => process.exit(1));
// Ctrl-C reaches the whole process group: the coordinator decides what happens then.
process.on('SIGINT', () => undefined).on('SIGTERM', () => undefined);
process.send?.({ ready: true } satisfies WorkerReady);

let send: (kind: 'second' | 'between' | 'final') => void = () => undefined;

function start(plan: Plan, worker: number, startAt: number): void {
  const zero = startAt - performance.timeOrigin;
  const now = (): number => performance.now() - zero;
  const running = new Fleet(plan, worker, now, () => {
    // Not within the client's own change of state.
    setImmediate(() => {
      send('between');
    });
  });
  fleet = running;
  let loop = performance.eventLoopUtilization();
  let second = 0;
  send = (kind) => {
    const current = performance.eventLoopUtilization();
    const { user, system } = process.cpuUsage();
    const report: WorkerReport = {
      worker,
      second: kind === 'second' ? second : undefined,
      state: running.state,
      // Of a whole second: some milliseconds that happen to be busy say nothing.
      busy: kind === 'second' ? performance.eventLoopUtilization(current, loop).utilization : 0,
      cpuSeconds: (user + system) / 1e6,
      final: kind === 'final',
      ...running.tally.report(),
    };
    if (kind === 'second') loop = current;
    process.send?.(report);
  };
  running.start();
  const reportAt = (): void => {
    running.at((second + 1) * REPORT_MS, () => {
      second += 1;
      send('second');
      reportAt();
    });
  };
  reportAt();
}

function leave(): void {
  send('final');
  // The coordinator has the last report once it disconnects or ends us.
}
