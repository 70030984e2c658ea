import type { Group } from './plan.ts';

/** A shape of load, by name. Each is a file in loadtest/scenarios/. Times are shares of `--duration`, from 0 to 1. */
export interface Scenario {
  readonly name: string;
  /** What it is, in a few words. */
  readonly summary: string;
  /** What it does, what it shows and what to look at: a paragraph of the documentation. */
  readonly about: string;
  /** Values of flags that differ from the usual defaults, as one would write them. */
  readonly defaults?: Readonly<Record<string, string>>;
  /** Sockets are opened evenly over this share of the run, unless `--rate` is given. */
  readonly openOver?: number;
  /** From these moments on, the send rate times this. The first is at 0. */
  readonly sendRate?: readonly { readonly at: number; readonly times: number }[];
  /** Moments at which this share of all clients loses its connection. */
  readonly drops?: readonly { readonly at: number; readonly share: number }[];
  /** Who the clients are; all good ones if not given. Shares add up to 1. */
  readonly clients?: readonly Group[];
}
