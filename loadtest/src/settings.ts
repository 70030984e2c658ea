import type { OutgoingHttpHeaders } from 'node:http';
import type { Assertion } from './asserts.ts';
import type { ReconnectPolicy } from './plan.ts';
import type { Scenario } from './scenario.ts';
import type { Target } from './target.ts';

/** A run, as the command line asks for it. Times are seconds. */
export interface Settings {
  readonly target: Target;
  readonly scenario: Scenario;
  readonly sockets: number;
  readonly rate: number;
  readonly duration: number;
  readonly sendRate: number;
  readonly messageBytes: number;
  readonly reconnect: ReconnectPolicy;
  readonly backoffBase: number;
  readonly backoffMax: number;
  readonly connectTimeout: number;
  readonly replyTimeout: number;
  readonly headers: Readonly<OutgoingHttpHeaders>;
  readonly verifyCertificate: boolean;
  /** Empty if nothing is to be compared. */
  readonly metricsUrls: readonly string[];
  /** They were named, not derived from the host: it is an error if they can't be read. */
  readonly metricsNamed: boolean;
  readonly assertions: readonly Assertion[];
  readonly report: string | undefined;
  readonly json: boolean;
  readonly processes: number | undefined;
  readonly sourceAddresses: number | readonly string[] | undefined;
  /** The flags in force, as one would write them. */
  readonly written: Readonly<Record<string, string>>;
}
