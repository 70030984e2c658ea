import type { Plan } from './plan.ts';
import type { Quantiles } from './quantiles.ts';
import type { TallyNews, TallySums } from './tally.ts';

/** Messages sent from now on. */
export interface Load {
  /** Messages a second of all senders together; `Infinity` sends the next message of each when its last is answered. */
  readonly perSecond: number;
  /** For how long; `Infinity` does not end. */
  readonly seconds: number;
  /** How many of the clients send, the first ones. */
  readonly senders: number;
}

/** From the coordinator to a worker. Each order is answered with its number once it is done. */
export type Order = { readonly id: number } & (
  | {
      readonly order: 'start';
      readonly plan: Plan;
      /** Number of the worker, from 0. */
      readonly worker: number;
      /** When the run starts, in milliseconds since the epoch: the same moment for all workers. */
      readonly startAt: number;
    }
  | { readonly order: 'send'; readonly load: Load }
  | { readonly order: 'drop'; readonly share: number }
  | { readonly order: 'report' }
  | { readonly order: 'finish' }
);

/** What one process, or all, saw since the start: numbers that are added up over the processes. */
export interface Sums extends TallySums {
  /** Connected now. */
  readonly open: number;
  /** Connecting, or waiting to, and not for the first time. */
  readonly away: number;
  /** Clients that have been connected at some time. */
  readonly everOpen: number;
  /** Messages never answered that may have been counted. */
  readonly uncertain: number;
  /** Clients that had a connection, and none at the end. Known from the end on. */
  readonly leftAway: number;
  /** CPU time of the process, in seconds. */
  readonly cpuSeconds: number;
}

/** From a worker: each second, once all its clients have been connected, and before an order is answered. */
export interface WorkerReport extends TallyNews {
  readonly worker: number;
  /** The second of the run that it ends, from 1; `undefined` if it comes in between. */
  readonly second: number | undefined;
  readonly sums: Sums;
  /** When the last client was connected for the first time, in milliseconds since the start of the run. */
  readonly lastFirstOpenMs: number;
  /** Share of the last second in which the event loop was busy. */
  readonly busy: number;
  /** How late the event loop was in the last second, at most. Milliseconds. */
  readonly lateMs: number;
  /** How late it was in the whole run, up to its end. */
  readonly loopDelay: Quantiles;
}

/** From a worker: it can take orders (0), or an order is done. */
export interface Done {
  readonly done: number;
  /** What went wrong, if something did. */
  readonly problem?: string;
}
