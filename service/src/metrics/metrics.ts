import { collectDefaultMetrics, Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Config } from '../config/options.ts';
import { LOKI_DROP_REASONS, PUSH_OUTCOMES } from '../loki/types.ts';
import { CLOSE_CODES, REJECTIONS } from '../protocol/protocol.ts';
import { memoryLimitBytes } from '../runtime/memory-limit.ts';
import { STORE_ERRORS } from '../sessions/redis/store-errors.ts';
import { STORE_OPERATIONS } from '../sessions/redis/redis-store.ts';
import { TOKEN_FAULTS } from '../sessions/resume-token.ts';
import type { StoreHealth } from '../sessions/session-store.ts';

/** Types of error, the `type` label of `websocket_errors_total`, with descriptions. */
export const ERROR_TYPES = {
  handshake_rejected: 'a handshake was rejected; the reason is in websocket_handshakes_rejected_total',
  binary_message: 'a client sent binary data (closed with 1003)',
  message_too_big: 'a client sent a message over the size limit (1009)',
  invalid_utf8: 'a client sent text that is not UTF-8 (1007)',
  protocol_error: 'a client sent a frame that violates RFC 6455 (1002)',
  too_many_fragments: 'a client sent a message in too many small fragments (1008)',
  message_timeout: 'a client sent one message for longer than MESSAGE_TIMEOUT_SECONDS (1008)',
  rate_limited: 'a client sent more messages than its rate allows (1008)',
  slow_reader: 'a client did not read, and its socket was ended at the limit of buffered bytes',
  heartbeat_timeout: 'a client sent nothing between two pings, and its socket was ended',
  store: 'the session store failed (1013)',
  handler: 'the handler of messages failed, or took too long (1011)',
  internal: 'the service itself failed (1011, HTTP 500, or an uncaught error)',
} as const;

/** A key of {@link ERROR_TYPES}. */
export type ErrorType = keyof typeof ERROR_TYPES;

/** Error types that are the service's fault, not the client's. SLOs count these. */
export const SERVER_ERROR_TYPES: readonly ErrorType[] = ['store', 'handler', 'internal'];

/** Error types of clients that vanished: of no message and no handshake. */
export const VANISHED_ERROR_TYPES: readonly ErrorType[] = ['slow_reader', 'heartbeat_timeout'];

/**
 * Values of the `code` label: codes that the service sends and codes that clients commonly send; others are `other`.
 */
export const CODE_LABELS: readonly string[] = [
  ...Object.values(CLOSE_CODES).map(({ code }) => String(code)),
  '1005',
  '1006',
  'other',
].sort();

/** The side that began a close: the `initiator` label. */
export type Initiator = 'client' | 'server';

/** Why a message was not answered: the `reason` label of `websocket_messages_rejected_total`. */
export const MESSAGE_REJECTIONS = [
  'binary',
  'too_big',
  'invalid_utf8',
  'rate',
  'closing',
  'store',
  'handler',
  'internal',
] as const;

/** A value of {@link MESSAGE_REJECTIONS}. */
export type MessageRejection = (typeof MESSAGE_REJECTIONS)[number];

/**
 * Why a log line did not reach its destination: the labels of `websocket_log_lines_dropped_total`, with descriptions.
 */
export const LOG_DROP_REASONS = {
  stdout: { buffer_full: 'stdout was read too slowly', broken: 'stdout was gone' },
  loki: LOKI_DROP_REASONS,
} as const;

/** Destination of log lines: the `destination` label. */
export type LogDestination = keyof typeof LOG_DROP_REASONS;

/** Counts of one destination of the log. */
export interface LogPath {
  readonly counts: { readonly shipped: number; readonly dropped: Readonly<Record<string, number>> };
  /** Bytes of lines in memory. */
  readonly waitingBytes: number;
}

/** How a drain ended a connection: the `outcome` label of `websocket_drain_connections_total`. */
export const DRAIN_OUTCOMES = ['closed', 'cut'] as const;

/** State that gauges read when they are scraped. */
export interface MetricSources {
  readonly activeConnections: () => number;
  readonly sessions: () => number;
  readonly storeHealth: () => StoreHealth;
  readonly ready: () => boolean;
  readonly draining: () => boolean;
  /** Seconds since the drain began, or its duration; 0 before it. */
  readonly shutdownSeconds: () => number;
  /** Seconds since SIGTERM, or the duration of closing; 0 before it. */
  readonly closingSeconds: () => number;
  /** Seconds over which closes are spread; 0 before SIGTERM. */
  readonly spreadSeconds: () => number;
  /** Destinations of the log. One that is not configured is left out, and its metrics stay 0. */
  readonly logPaths: Readonly<Partial<Record<LogDestination, LogPath>>>;
  /** Age of the oldest line that waits for Loki, in seconds; 0 if none waits. */
  readonly lokiLagSeconds: () => number;
}

/** Sums that the hot path adds to as plain numbers. Their counters read them at a scrape. */
export interface Tally {
  messages: number;
  receivedBytes: number;
  sentBytes: number;
}

/** The metrics that code counts into. All others read their state at a scrape. */
export interface Metrics {
  readonly registry: Registry;
  readonly tally: Tally;
  readonly errors: Counter<'type'>;
  readonly messagesRejected: Counter<'reason'>;
  readonly handshakesRejected: Counter<'reason'>;
  readonly connectionsOpened: Counter;
  readonly connectionsClosed: Counter<'code' | 'initiator'>;
  readonly sessionsCreated: Counter;
  readonly sessionsResumed: Counter;
  readonly resumeTokens: Counter<'result'>;
  readonly storeErrors: Counter<'operation' | 'reason'>;
  readonly storeDuration: Histogram<'operation'>;
  readonly drainConnections: Counter<'outcome'>;
  readonly connectionDuration: Histogram;
  readonly messageDuration: Histogram;
  readonly lokiPushes: Counter<'outcome'>;
  readonly lokiPushDuration: Histogram;
}

/** Handling a message takes some 10 µs; the SLO's bound is 10 ms; a stalled store may take seconds. */
const MESSAGE_SECONDS = [
  0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5,
];
/** A push to a Loki nearby takes tens of milliseconds; LOKI_TIMEOUT_SECONDS is 3 by default. */
const PUSH_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** A round trip in a cluster takes part of a millisecond; a failover takes seconds. */
const STORE_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
/** WebSockets live from a second to days. */
const CONNECTION_SECONDS = [1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400, 172_800, 604_800];

/**
 * Creates all metrics in `registry`. Every known label value is there at 0 from the first scrape, so that `rate()` sees
 * the first error. Only the text format 0.0.4 is served: an OpenMetrics scrape renames prom-client's counters for good
 * (prom-client#829).
 */
export function createMetrics(registry: Registry, config: Config, version: string, sources: MetricSources): Metrics {
  const tally: Tally = { messages: 0, receivedBytes: 0, sentBytes: 0 };
  registerTraffic(registry, tally, sources);
  registerLifecycle(registry, sources);
  registerLimits(registry, config);
  registerLog(registry, sources);
  registerBuildInfo(registry, version);
  registerNodeMetrics(registry);
  return {
    registry,
    tally,
    ...messageMetrics(registry),
    ...connectionMetrics(registry),
    ...lokiMetrics(registry),
    ...storeMetrics(registry, sources),
  };
}

function messageMetrics(registry: Registry): Pick<Metrics, 'errors' | 'messagesRejected' | 'messageDuration'> {
  return {
    errors: labelled(registry, 'websocket_errors_total', `Errors by type: ${describe(ERROR_TYPES)}.`, {
      type: Object.keys(ERROR_TYPES),
    }),
    messagesRejected: labelled(
      registry,
      'websocket_messages_rejected_total',
      'Messages received and not answered, by reason; `closing`: they arrived after the bye or close frame was sent; `handler`: counted, and not handled.',
      { reason: MESSAGE_REJECTIONS },
    ),
    messageDuration: new Histogram({
      name: 'websocket_message_duration_seconds',
      help: 'Time to handle a message, from the whole message read to its reply passed to the socket.',
      buckets: MESSAGE_SECONDS,
      registers: [registry],
    }),
  };
}

function connectionMetrics(
  registry: Registry,
): Omit<
  Metrics,
  | 'registry'
  | 'tally'
  | keyof ReturnType<typeof messageMetrics>
  | keyof ReturnType<typeof lokiMetrics>
  | keyof ReturnType<typeof storeMetrics>
> {
  return {
    handshakesRejected: labelled(
      registry,
      'websocket_handshakes_rejected_total',
      'Handshakes rejected, by reason (the `error` of the JSON body).',
      { reason: Object.keys(REJECTIONS) },
    ),
    connectionsOpened: labelled(registry, 'websocket_connections_opened_total', 'Handshakes accepted.', {}),
    connectionsClosed: labelled(
      registry,
      'websocket_connections_closed_total',
      'Connections closed, by close code and initiator: the code that the service sent, or else the code of the client; 1005 is a close without a code, 1006 no close frame.',
      { code: CODE_LABELS, initiator: ['client', 'server'] satisfies Initiator[] },
    ),
    sessionsCreated: labelled(registry, 'websocket_sessions_created_total', 'Sessions created.', {}),
    sessionsResumed: labelled(
      registry,
      'websocket_sessions_resumed_total',
      'Handshakes that resumed a known session.',
      {},
    ),
    resumeTokens: labelled(
      registry,
      'websocket_resume_tokens_total',
      'Resume tokens that clients sent, by result: `accepted`, or why the handshake was refused.',
      { result: ['accepted', ...Object.keys(TOKEN_FAULTS)] },
    ),
    drainConnections: labelled(
      registry,
      'websocket_drain_connections_total',
      'Connections that this drain ended: `closed` with bye and close frame answered, or `cut` because the client did not answer in time.',
      { outcome: DRAIN_OUTCOMES },
    ),
    connectionDuration: new Histogram({
      name: 'websocket_connection_duration_seconds',
      help: 'Age of connections when they closed.',
      buckets: CONNECTION_SECONDS,
      registers: [registry],
    }),
  };
}

function lokiMetrics(registry: Registry): Pick<Metrics, 'lokiPushes' | 'lokiPushDuration'> {
  return {
    lokiPushes: labelled(
      registry,
      'websocket_loki_pushes_total',
      `Pushes to Loki by outcome: ${describe(PUSH_OUTCOMES)}.`,
      { outcome: Object.keys(PUSH_OUTCOMES) },
    ),
    lokiPushDuration: new Histogram({
      name: 'websocket_loki_push_duration_seconds',
      help: 'Time of a push to Loki, whatever its outcome.',
      buckets: PUSH_SECONDS,
      registers: [registry],
    }),
  };
}

function storeMetrics(
  registry: Registry,
  { storeHealth }: MetricSources,
): Pick<Metrics, 'storeErrors' | 'storeDuration'> {
  gauge(
    registry,
    'websocket_store_up',
    '1 while the session store answers (of a Cluster, each node that is asked), else 0; 1 for the one in memory.',
    () => Number(storeHealth().up),
  );
  gauge(
    registry,
    'websocket_store_pending_messages',
    'Messages counted that the shared session store does not have yet.',
    () => storeHealth().pendingMessages,
  );
  gauge(
    registry,
    'websocket_store_pending_sessions',
    'Sessions that wait to be written to or read from the shared session store.',
    () => storeHealth().pendingSessions,
  );
  const storeDuration = new Histogram({
    name: 'websocket_store_operation_duration_seconds',
    help: 'Time of a batch to the shared session store: `write` adds messages, `read` only asks for counts.',
    labelNames: ['operation'],
    buckets: STORE_SECONDS,
    registers: [registry],
  });
  for (const operation of STORE_OPERATIONS) storeDuration.zero({ operation });
  const storeErrors = labelled(
    registry,
    'websocket_store_errors_total',
    'Failures of the shared session store, by operation and reason; each operation is retried.',
    { operation: STORE_OPERATIONS, reason: STORE_ERRORS },
  );
  return { storeErrors, storeDuration };
}

function registerTraffic(registry: Registry, tally: Tally, sources: MetricSources): void {
  gauge(registry, 'websocket_active_connections', 'WebSocket connections open now.', sources.activeConnections);
  tallied(registry, 'websocket_messages_total', 'Messages counted and answered.', () => tally.messages);
  tallied(
    registry,
    'websocket_received_bytes_total',
    'Payload bytes of the messages counted.',
    () => tally.receivedBytes,
  );
  tallied(
    registry,
    'websocket_sent_bytes_total',
    'Payload bytes of replies, heartbeats and byes passed to sockets.',
    () => tally.sentBytes,
  );
  gauge(
    registry,
    'websocket_sessions',
    'Sessions that the store of this process holds, connected or not.',
    sources.sessions,
  );
}

function registerLifecycle(registry: Registry, sources: MetricSources): void {
  gauge(registry, 'websocket_ready', '1 while /readyz/ answers 200, else 0.', () => Number(sources.ready()));
  gauge(registry, 'websocket_draining', '1 since the drain began, else 0.', () => Number(sources.draining()));
  gauge(
    registry,
    'websocket_shutdown_time_seconds',
    'Time since the drain began, by hook or signal; once the last connection is closed and counts are flushed, the time it took. 0 before a drain.',
    sources.shutdownSeconds,
  );
  gauge(
    registry,
    'websocket_drain_closing_seconds',
    'Time since SIGTERM, limited by DRAIN_TIMEOUT_SECONDS; at the end, the time it took. 0 before SIGTERM.',
    sources.closingSeconds,
  );
  gauge(
    registry,
    'websocket_drain_spread_seconds',
    'Time over which this drain spreads its closes: DRAIN_SPREAD_SECONDS, or less for few connections. 0 before SIGTERM.',
    sources.spreadSeconds,
  );
}

/** The limits in force, so that alerts compare use with limit. 0 is no limit. */
function registerLimits(registry: Registry, config: Config): void {
  const limit = (name: string, help: string, value: number): void => {
    gauge(registry, name, `${help} (limit in force).`, () => value);
  };
  limit('websocket_limit_connections', 'MAX_CONNECTIONS', config.maxConnections);
  limit(
    'websocket_limit_connections_per_address',
    'MAX_CONNECTIONS_PER_ADDRESS; 0 is none',
    config.maxConnectionsPerAddress,
  );
  limit(
    'websocket_limit_handshakes_per_second',
    'HANDSHAKE_RATE_PER_ADDRESS; 0 is none',
    config.handshakeRatePerAddress,
  );
  limit('websocket_limit_messages_per_second', 'MESSAGE_RATE of one connection; 0 is none', config.messageRate);
  limit('websocket_limit_message_bytes', 'MAX_MESSAGE_BYTES', config.maxMessageBytes);
  limit('websocket_limit_buffered_bytes', 'MAX_BUFFERED_BYTES of one connection', config.maxBufferedBytes);
  limit('websocket_limit_sessions', 'MAX_SESSIONS', config.maxSessions);
  limit('websocket_limit_log_buffer_bytes', 'LOG_BUFFER_BYTES, for stdout', config.logBufferBytes);
  limit('websocket_limit_loki_buffer_bytes', 'LOKI_BUFFER_BYTES', config.lokiBufferBytes);
  limit('websocket_limit_drain_seconds', 'DRAIN_TIMEOUT_SECONDS, from SIGTERM', config.drainTimeoutSeconds);
  limit('websocket_limit_prestop_seconds', 'PRESTOP_MAX_SECONDS of the hook', config.prestopMaxSeconds);
  limit('websocket_limit_memory_bytes', 'Memory of the container; 0 is none, or unknown', memoryLimitBytes());
}

function registerLog(registry: Registry, { logPaths, lokiLagSeconds }: MetricSources): void {
  const destinations = Object.keys(LOG_DROP_REASONS) as LogDestination[];
  new Counter({
    name: 'websocket_log_lines_shipped_total',
    help: 'Log lines written, by destination.',
    labelNames: ['destination'],
    registers: [registry],
    collect() {
      this.reset();
      for (const destination of destinations) this.inc({ destination }, logPaths[destination]?.counts.shipped ?? 0);
    },
  });
  new Counter({
    name: 'websocket_log_lines_dropped_total',
    help: `Log lines lost, by destination and reason. ${destinations.map((each) => `${each}: ${describe(LOG_DROP_REASONS[each])}`).join('. ')}.`,
    labelNames: ['destination', 'reason'],
    registers: [registry],
    collect() {
      this.reset();
      for (const destination of destinations)
        for (const reason of Object.keys(LOG_DROP_REASONS[destination]))
          this.inc({ destination, reason }, logPaths[destination]?.counts.dropped[reason] ?? 0);
    },
  });
  new Gauge({
    name: 'websocket_log_queue_bytes',
    help: 'Memory of waiting log lines, by destination; LOG_BUFFER_BYTES and LOKI_BUFFER_BYTES are the limits.',
    labelNames: ['destination'],
    registers: [registry],
    collect() {
      for (const destination of destinations) this.set({ destination }, logPaths[destination]?.waitingBytes ?? 0);
    },
  });
  gauge(registry, 'websocket_loki_lag_seconds', 'How long the oldest log line waits for Loki.', lokiLagSeconds);
}

function registerBuildInfo(registry: Registry, version: string): void {
  new Gauge({
    name: 'websocket_build_info',
    help: 'Always 1; the labels identify the build.',
    labelNames: ['version', 'node_version'],
    registers: [registry],
  }).set({ version, node_version: process.version }, 1);
}

/**
 * Node.js' own metrics without those that walk over every socket: `process_open_fds` and the handles took half of a
 * scrape at 10,000 sockets.
 */
function registerNodeMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry });
  for (const name of [
    'process_open_fds',
    'nodejs_active_handles',
    'nodejs_active_handles_total',
    'nodejs_active_requests',
    'nodejs_active_requests_total',
    'nodejs_active_resources',
    'nodejs_active_resources_total',
  ])
    registry.removeSingleMetric(name);
  // From the start, so that the first collection of a kind is an increase for `rate()`, which a new series is not.
  const gcDuration = registry.getSingleMetric('nodejs_gc_duration_seconds');
  if (gcDuration instanceof Histogram)
    for (const kind of ['minor', 'incremental', 'major', 'weakcb']) gcDuration.zero({ kind });
}

/** A gauge that reads its value at a scrape. */
function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}

/** A counter that reads its sum at a scrape. */
function tallied(registry: Registry, name: string, help: string, read: () => number): void {
  new Counter({
    name,
    help,
    registers: [registry],
    collect() {
      this.reset();
      this.inc(read());
    },
  });
}

/** A counter with every combination of its label values at 0 from the start. */
function labelled<T extends string>(
  registry: Registry,
  name: string,
  help: string,
  values: Readonly<Record<T, readonly string[]>>,
): Counter<T> {
  const labelNames = Object.keys(values) as T[];
  const counter = new Counter<T>({ name, help, labelNames, registers: [registry] });
  let sets: Partial<Record<T, string>>[] = [{}];
  for (const label of labelNames)
    sets = sets.flatMap((set) => values[label].map((value) => ({ ...set, [label]: value })));
  for (const set of sets) counter.inc(set as Record<T, string>, 0);
  return counter;
}

function describe(table: Readonly<Record<string, string>>): string {
  return Object.entries(table)
    .map(([key, meaning]) => `\`${key}\` ${meaning}`)
    .join('; ');
}
