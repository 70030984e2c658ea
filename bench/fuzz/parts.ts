/** One configuration of the service that a run tries. */
export interface Part {
  readonly name: string;
  /** Why it is there. */
  readonly purpose: string;
  /** Share of a run's inputs, in percent. */
  readonly percent: number;
  readonly env: Readonly<Record<string, string>>;
  /**
   * Nothing depends on time: the service's counts by close code, error and rejection must be the predicted ones. Elsewhere
   * limits cut in, and the counts of messages, connections and refusals must still be exact.
   */
  readonly strict: boolean;
  /** Sessions that are used by several connections at once; none where limits would end who holds them. */
  readonly sharedSessions: number;
  /** Origins that are let in, if not all are. */
  readonly origins?: readonly string[];
}

/** The least MAX_MESSAGE_BYTES of a part in which sizes about the limit are tried. */
const SMALL_MESSAGE_BYTES = '1000';

/** Times short enough to be seen in a run, and sessions forgotten soon, so that their memory must come back. */
const QUICK = { SESSION_TTL: '4', HANDSHAKE_TIMEOUT_SECONDS: '2', WARN_INTERVAL_SECONDS: '1' };

/** The configurations of a run, in order. */
export const PARTS: readonly Part[] = [
  {
    name: 'open',
    purpose: 'no limit on rates, so that every reply, close code, error and rejection is predicted',
    percent: 55,
    env: { ...QUICK, MESSAGE_RATE: '0' },
    strict: true,
    sharedSessions: 2,
  },
  {
    name: 'defaults',
    purpose: 'the limits as they are shipped',
    percent: 20,
    env: QUICK,
    strict: false,
    sharedSessions: 2,
  },
  {
    name: 'limits',
    purpose: 'every limit low, all lines logged, clients told apart by a trusted X-Forwarded-For',
    percent: 15,
    env: {
      ...QUICK,
      LOG_LEVEL: 'DEBUG',
      MAX_CONNECTIONS: '24',
      MAX_CONNECTIONS_PER_ADDRESS: '3',
      HANDSHAKE_RATE_PER_ADDRESS: '20',
      TRUSTED_PROXIES: 'loopback,198.51.100.0/24',
      ALLOWED_ORIGINS: 'https://app.example.com,https://*.example.org,self',
      MESSAGE_RATE: '50',
      MESSAGE_BURST: '20',
      MAX_MESSAGE_BYTES: SMALL_MESSAGE_BYTES,
      MAX_BUFFERED_BYTES: '4096',
      HEARTBEAT_INTERVAL_SECONDS: '0.5',
      IDLE_TIMEOUT_SECONDS: '0.4',
      MAX_CONNECTION_AGE_SECONDS: '1',
      READINESS_CONNECTIONS_RATIO: '0.5',
      CLOSE_TIMEOUT_SECONDS: '0.5',
      CONSOLE_ENABLED: 'false',
    },
    strict: false,
    sharedSessions: 0,
    origins: ['https://app.example.com', 'https://a.example.org', 'https://b.c.example.org', 'HTTPS://APP.EXAMPLE.COM'],
  },
  {
    name: 'deflate',
    purpose: 'permessage-deflate, and compressed, broken and exploding messages',
    percent: 10,
    env: { ...QUICK, MESSAGE_RATE: '0', PER_MESSAGE_DEFLATE: 'true' },
    strict: false,
    sharedSessions: 2,
  },
];
