import type { BackoffBounds } from './backoff.ts';
import type { BehaviourName } from './behaviours.ts';
import type { Endpoint } from './link.ts';
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

/** All that a worker has to know. Plain data, sent to each of them. */
export interface Plan {
  readonly endpoint: Endpoint;
  /** Path, with a query if the host had one. */
  readonly path: string;
  /** Further header lines of handshakes. */
  readonly headers: readonly string[];
  readonly sockets: number;
  readonly connectsPerSecond: number;
  /** Messages a second of each socket. */
  readonly sendsPerSecond: number;
  readonly sendSteps: readonly RateStep[];
  readonly messageBytes: number;
  readonly durationMs: number;
  readonly reconnect: ReconnectPolicy;
  readonly backoff: BackoffBounds;
  readonly connectTimeoutMs: number;
  readonly replyTimeoutMs: number;
  readonly groups: readonly Group[];
  readonly drops: readonly Drop[];
  /** Addresses to connect from, in turn; none leaves it to the system. */
  readonly localAddresses: readonly string[];
  /** More addresses may be taken when the ports of one run out. */
  readonly moreLocalAddresses: boolean;
  readonly processes: number;
}

/** The behaviour of a client: groups take their shares in turn, spread evenly over the clients. */
export function behaviourOf(index: number, groups: readonly Group[]): BehaviourName {
  // Multiples of the golden ratio fill the interval evenly, however few clients there are.
  const place = (index * 0.618033988749895 + 0.5) % 1;
  let edge = 0;
  for (const { behaviour, share } of groups) {
    edge += share;
    if (place < edge) return behaviour;
  }
  return 'good';
}
