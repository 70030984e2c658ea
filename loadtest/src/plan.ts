import type { OutgoingHttpHeaders } from 'node:http';
import type { BackoffBounds } from '../../lib/backoff.ts';
import type { BehaviourName } from './behaviours.ts';
import type { Endpoint } from './connection.ts';
import type { RateStep } from './send-schedule.ts';

/** What a client does when it lost its connection. */
export type ReconnectPolicy = 'backoff' | 'immediately' | 'never';

/** Clients of one behaviour. */
export interface Group {
  readonly behaviour: BehaviourName;
  /** Share of all clients, from 0 to 1. */
  readonly share: number;
}

/** A moment at which clients lose their connections, all at once. */
export interface Drop {
  /** Milliseconds since the start of the run. */
  readonly atMs: number;
  /** Share of the clients, from 0 to 1. */
  readonly share: number;
}

/** All that a worker process has to know. Plain data, sent to each of them. */
export interface Plan {
  readonly endpoint: Endpoint;
  /** Path, with a query if the host had one. */
  readonly path: string;
  /** Further headers of handshakes. */
  readonly headers: Readonly<OutgoingHttpHeaders>;
  /** Clients, each a session of its own. */
  readonly clients: number;
  /** Connections opened a second. */
  readonly connectsPerSecond: number;
  /** Connections being opened at most at once in each process. */
  readonly connectsAtOnce: number;
  /** Messages a second of each client. */
  readonly sendsPerSecond: number;
  readonly sendSteps: readonly RateStep[];
  readonly messageBytes: number;
  /** Connections due later are not opened. */
  readonly durationMs: number;
  readonly reconnect: ReconnectPolicy;
  readonly backoff: BackoffBounds;
  readonly connectTimeoutMs: number;
  /** Connections whose replies take longer are given up; `Infinity` gives none up, and waits 10 s at the end. */
  readonly replyTimeoutMs: number;
  /**
   * Sessions go on over reconnects, and counts are checked over them. `false` where another instance may answer whose
   * sessions are in its own memory: then counts are checked within a connection.
   */
  readonly countsKept: boolean;
  /** Report each lost connection. */
  readonly breaks: boolean;
  readonly groups: readonly Group[];
  readonly drops: readonly Drop[];
  /** Addresses to connect from, in turn; none leaves it to the system. */
  readonly localAddresses: readonly string[];
  /** More addresses may be taken when the ports of one run out. */
  readonly moreLocalAddresses: boolean;
  readonly processes: number;
  /** URL of a module that exports a `Dialect` as `dialect`; the service's own protocol if there is none. */
  readonly dialect: string | undefined;
}

/** Fraction of the golden ratio: its multiples fill the interval from 0 to 1 evenly, however few there are. */
export const GOLDEN = 0.618033988749895;

/** The behaviour of a client: groups take their shares in turn, spread evenly over the clients. */
export function behaviourOf(index: number, groups: readonly Group[]): BehaviourName {
  const place = (index * GOLDEN + 0.5) % 1;
  let edge = 0;
  for (const { behaviour, share } of groups) {
    edge += share;
    if (place < edge) return behaviour;
  }
  return 'good';
}
