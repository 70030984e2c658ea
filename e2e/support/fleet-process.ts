/** The process of a fleet: it is told what to do by its parent, through {@link Fleet}. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { Break } from './breaks.ts';
import { FleetClient, type FleetListener } from './fleet-client.ts';

/** What a fleet can be told. Each order is answered once it is done. */
export type FleetOrder =
  | {
      readonly do: 'start';
      readonly url: string;
      readonly clients: number;
      readonly messagesPerSecond: number;
      /** Most connections begun in a second. */
      readonly opensPerSecond: number;
    }
  | { readonly do: 'report' }
  | { readonly do: 'stop' };

/** What a fleet has seen since it started. */
export interface FleetReport {
  /** Connected now. */
  readonly open: number;
  /** Most that this process' own event loop was late since the last report, in seconds. */
  readonly lateSeconds: number;
  readonly sent: number;
  readonly answered: number;
  readonly breaks: readonly Break[];
  /** What must never happen: the first of them, in words. */
  readonly faults: readonly string[];
  readonly faultCount: number;
}

const MAX_FAULTS = 20;
const TICK_MS = 20;

const clients: FleetClient[] = [];
const breaks: Break[] = [];
const faults: string[] = [];
let faultCount = 0;
let open = 0;
const loopDelay = monitorEventLoopDelay({ resolution: TICK_MS });
loopDelay.enable();

const listener: FleetListener = {
  opened: () => (open += 1),
  closed: () => (open -= 1),
  lost: (lost) => breaks.push(lost),
  fault: (text) => {
    faultCount += 1;
    if (faults.length < MAX_FAULTS) faults.push(text);
  },
};

process.on('message', (order: FleetOrder) => {
  void obey(order).then(() => process.send?.(report()));
});
process.on('disconnect', () => process.exit(0));

async function obey(order: FleetOrder): Promise<void> {
  if (order.do === 'start') await start(order);
  if (order.do === 'stop') await stop();
}

async function start(order: Extract<FleetOrder, { do: 'start' }>): Promise<void> {
  const startedAt = performance.now();
  while (clients.length < order.clients) {
    const due = Math.ceil(((performance.now() - startedAt) / 1000) * order.opensPerSecond);
    while (clients.length < Math.min(due, order.clients))
      clients.push(new FleetClient(order.url, order.messagesPerSecond, listener));
    await delay(TICK_MS);
  }
}

async function stop(): Promise<void> {
  for (const client of clients) client.stop();
  const deadline = performance.now() + 10_000;
  while (open > 0 && performance.now() < deadline) await delay(TICK_MS);
}

function report(): FleetReport {
  const sum = (field: 'sent' | 'answered'): number => clients.reduce((total, client) => total + client[field], 0);
  const lateSeconds = loopDelay.count === 0 ? 0 : Math.max(0, loopDelay.max / 1e9 - TICK_MS / 1000);
  loopDelay.reset();
  return { open, lateSeconds, sent: sum('sent'), answered: sum('answered'), breaks, faults, faultCount };
}
