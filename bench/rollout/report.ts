import { shortNumber } from '../support/bench.ts';
import type { RolloutOptions, RolloutResult } from './model.ts';

/** What `fleet-simulation` writes as JSON. */
export interface SimulationReport {
  readonly seed: number;
  readonly played: readonly {
    readonly name: string;
    readonly options: ShownOptions;
    readonly result: ShownResult;
  }[];
  /** With `--check`: rollouts that were made, beside the simulation of the same. */
  readonly checked?: readonly {
    readonly options: ShownOptions;
    readonly simulated: ShownResult;
    readonly real: ShownResult;
  }[];
}

/** A result without the figures of single pods. */
export type ShownResult = Omit<RolloutResult, 'socketsAfter'>;

/** Options as they are shown; the maximum of connections may be none, which JSON has no word for. */
type ShownOptions = Pick<
  RolloutOptions,
  'pods' | 'socketsPerPod' | 'maxSurge' | 'balance' | 'minReadySeconds' | 'config'
>;

/** Headings of {@link simulationCells}. */
export const SIMULATION_HEADINGS: readonly string[] = [
  '',
  'pods',
  'sockets each',
  'surge',
  'balance',
  'spread',
  'delay up to',
  'minReady',
  'time',
  'reconnects/s',
  'at one pod/s',
  'closes a client',
  'away',
  'spare',
];

/** A rollout and what it did, as cells of a table. */
export function simulationCells(options: ShownOptions, result: ShownResult, name: string): string[] {
  const { pods, socketsPerPod, maxSurge, balance, minReadySeconds, config } = options;
  return [
    name,
    shortNumber(pods),
    shortNumber(socketsPerPod),
    shortNumber(maxSurge),
    balance,
    `${config.drainSpreadSeconds} s`,
    `${config.retryAfterMaxSeconds} s`,
    `${minReadySeconds} s`,
    duration(result.seconds),
    shortNumber(result.peakReconnects),
    shortNumber(result.peakAtOnePod),
    result.closesPerClient.toFixed(2),
    shortNumber(result.mostAway),
    `${Math.max(0, Math.round((result.mostSockets / socketsPerPod - 1) * 100))} %`,
  ];
}

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds.toFixed(0)} s`;
  return seconds < 7200 ? `${(seconds / 60).toFixed(0)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
