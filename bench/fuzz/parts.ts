import fc from 'fast-check';
import {
  frameConnections,
  handshakeConnections,
  plainConnections,
  slowConnections,
  type Connection,
} from './connections.ts';

/** One property of the service that a run tries. */
export interface Part {
  readonly name: string;
  /** Completes "The service, ...". */
  readonly purpose: string;
  /** Share of a run's inputs, in percent. */
  readonly percent: number;
  /** The settings of one service, or of several that must answer alike. */
  readonly variants: readonly Readonly<Record<string, string>>[];
  readonly connections: fc.Arbitrary<Connection>;
  /** No limit on rates, times or connections: each answer is as predicted, each metric as counted by the clients. */
  readonly strict: boolean;
}

/** Sizes around the limit are tried: a small one is tried fast. */
const MAX_MESSAGE_BYTES = 1000;
/** On a busy machine a good handshake may take longer, and is refused as well. */
export const HANDSHAKE_TIMEOUT_SECONDS = 2;
/** Sessions are forgotten soon, so that their memory must come back. */
const QUICK = {
  SESSION_TTL: '1',
  HANDSHAKE_TIMEOUT_SECONDS: String(HANDSHAKE_TIMEOUT_SECONDS),
  WARN_INTERVAL_SECONDS: '1',
  MAX_MESSAGE_BYTES: String(MAX_MESSAGE_BYTES),
};
/** One token a second: in the milliseconds that a connection takes, the burst is all it gets. */
const BURST = 40;
const RATED = { ...QUICK, MESSAGE_RATE: '1', MESSAGE_BURST: String(BURST) };
const UNLIMITED = { maxMessageBytes: MAX_MESSAGE_BYTES, burst: Infinity, deflate: false };
const ORIGINS = [
  'https://app.example.com',
  'https://a.example.org',
  'https://b.c.example.org',
  'HTTPS://APP.EXAMPLE.COM',
];

/** Every part, in the order of a run. */
export const PARTS: readonly Part[] = [
  {
    name: 'fast-path',
    purpose: 'with and without its fast path, answers the same bytes alike, in any chunks',
    percent: 60,
    variants: [
      { ...RATED, FAST_PATH: 'true' },
      { ...RATED, FAST_PATH: 'false' },
    ],
    connections: frameConnections({ ...UNLIMITED, burst: BURST }, ['shutdown', 'answer']),
    strict: true,
  },
  {
    name: 'handshakes',
    purpose: 'accepts each good handshake and refuses each other one with the documented status and JSON',
    percent: 15,
    variants: [{ ...QUICK, MESSAGE_RATE: '0' }],
    connections: fc.oneof(
      { weight: 5, arbitrary: handshakeConnections({ origins: undefined, deflate: false }) },
      { weight: 1, arbitrary: plainConnections },
    ),
    strict: true,
  },
  {
    name: 'limits',
    purpose: 'with every limit low and all lines logged, harms no other client and stays as small as it was',
    percent: 15,
    variants: [
      {
        ...QUICK,
        // The checking client may be refused for a while.
        SESSION_TTL: '3',
        LOG_LEVEL: 'DEBUG',
        MAX_CONNECTIONS: '24',
        MAX_CONNECTIONS_PER_ADDRESS: '3',
        HANDSHAKE_RATE_PER_ADDRESS: '20',
        TRUSTED_PROXIES: 'loopback,198.51.100.0/24',
        ALLOWED_ORIGINS: 'https://app.example.com,https://*.example.org,self',
        MESSAGE_RATE: '50',
        MESSAGE_BURST: '20',
        MAX_BUFFERED_BYTES: '4096',
        HEARTBEAT_INTERVAL_SECONDS: '0.5',
        IDLE_TIMEOUT_SECONDS: '0.4',
        MAX_CONNECTION_AGE_SECONDS: '1',
        READINESS_CONNECTIONS_RATIO: '0.5',
        CLOSE_TIMEOUT_SECONDS: '0.5',
        CONSOLE_ENABLED: 'false',
      },
    ],
    connections: fc.oneof(
      { weight: 200, arbitrary: frameConnections(UNLIMITED, ['shutdown', 'answer', 'reset']) },
      { weight: 100, arbitrary: handshakeConnections({ origins: ORIGINS, deflate: false }) },
      { weight: 40, arbitrary: plainConnections },
      // What waits for a time-out costs a run time, not inputs.
      { weight: 1, arbitrary: slowConnections },
    ),
    strict: false,
  },
  {
    name: 'deflate',
    purpose: 'with permessage-deflate, takes compressed, broken and exploding messages',
    percent: 10,
    variants: [{ ...QUICK, MESSAGE_RATE: '0', PER_MESSAGE_DEFLATE: 'true' }],
    connections: fc.oneof(
      { weight: 4, arbitrary: frameConnections({ ...UNLIMITED, deflate: true }, ['shutdown', 'answer']) },
      { weight: 1, arbitrary: handshakeConnections({ origins: undefined, deflate: true }) },
    ),
    strict: false,
  },
];
