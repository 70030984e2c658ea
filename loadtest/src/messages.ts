import type { FleetState } from './fleet.ts';
import type { Plan } from './plan.ts';
import type { TallyReport } from './tally.ts';

/** From the coordinator to a worker. */
export type Order =
  | {
      readonly order: 'start';
      readonly plan: Plan;
      /** Number of the worker, from 0. */
      readonly worker: number;
      /** When the run starts, in milliseconds since the epoch: the same moment for all workers. */
      readonly startAt: number;
    }
  | { readonly order: 'finish' };

/** From a worker to the coordinator: each second, once all its clients have been connected, and at the end. */
export interface WorkerReport extends TallyReport {
  readonly worker: number;
  /** The second of the run that it ends, from 1; `undefined` if it comes in between. */
  readonly second: number | undefined;
  readonly state: FleetState;
  /** Share of the last second in which the event loop was busy. */
  readonly busy: number;
  /** CPU time of the process so far, in seconds. */
  readonly cpuSeconds: number;
  /** The last one. */
  readonly final: boolean;
}

/** From a worker, once it runs and can take orders. */
export interface WorkerReady {
  readonly ready: true;
}
