import type { OutgoingHttpHeaders } from 'node:http';
import type { Assertion } from './asserts.ts';
import type { ReconnectPolicy } from './plan.ts';
import type { Scenario } from './scenario.ts';
import type { Target } from './target.ts';

/** A run, as the command line asks for it: the flags by their names. Times are seconds. */
export interface Settings {
  readonly host: Target;
  readonly sockets: number;
  readonly rate: number;
  readonly duration: number;
  readonly sendRate: number;
  readonly messageBytes: number;
  readonly scenario: Scenario;
  readonly reconnect: ReconnectPolicy;
  readonly backoffBase: number;
  readonly backoffMax: number;
  readonly connectTimeout: number;
  readonly replyTimeout: number;
  readonly header: Readonly<OutgoingHttpHeaders>;
  /** Certificates in PEM format, trusted beside those of Node.js. */
  readonly ca?: string;
  readonly insecure: boolean;
  /** Named ones alone: it is an error if they can't be read. */
  readonly metricsUrl: readonly string[];
  /** `false`: nothing is to be compared. */
  readonly metrics: boolean;
  readonly assert: readonly Assertion[];
  readonly report?: string;
  readonly json: boolean;
  readonly processes?: number;
  readonly sourceAddresses?: number | readonly string[];
  readonly listScenarios: boolean;
  /** The flags in force, as one would write them. */
  readonly written: Readonly<Record<string, string>>;
}
