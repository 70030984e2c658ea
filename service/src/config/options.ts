import { lokiBaseUrl } from './loki-url.ts';
import { parseRedisUrl, REDIS_URL_RULE, type RedisTarget } from './redis-url.ts';

/** Name of a header (RFC 9110, section 5.1), or nothing; and the same for people. */
export const HEADER = /^[-!#$%&'*+.^_`|~0-9A-Za-z]*$/;
export const HEADER_RULE = 'the name of a header, or nothing';
/** Minimum number of characters of a key that signs resume tokens. */
export const MIN_KEY_LENGTH = 32;

/**
 * The one table of the service's options. From it come the parser (load-config.ts), `--help`, the table in
 * docs/configuration.md and the chart's environment: an option is added here and nowhere else.
 *
 * Every option is an environment variable. Times are seconds, sizes are bytes, unless the doc says otherwise.
 */
export const OPTIONS = {
  port: port(
    'PORT',
    8080,
    'Port of the public listener: WebSocket, health, console, and metrics unless METRICS_PORT is set. 0 takes a free one.',
  ),
  host: host('HOST', 'Address to listen on; empty means all, IPv6 and IPv4.'),
  adminPort: optionalPort(
    'ADMIN_PORT',
    'Port of the admin listener, on 127.0.0.1 alone, which the preStop hook talks to; empty is no such listener. 0 takes a free one. The image and the chart set it.',
  ),
  metricsPort: optionalPort(
    'METRICS_PORT',
    'Port of the metrics listener, at HOST: `/metrics/` is served there, beside health, and no longer on PORT. Empty serves it on PORT. 0 takes a free one. The chart sets it.',
  ),
  environment: text('ENVIRONMENT', 'production', 'Name of the environment, a label of the logs.'),
  podName: text(
    'POD_NAME',
    '',
    'Name of the pod, structured metadata `pod` of the lines in Loki; empty is the host name.',
  ),
  podNamespace: text(
    'POD_NAMESPACE',
    '',
    'Namespace of the pod, structured metadata `namespace` of the lines in Loki. The chart sets it.',
  ),
  releaseName: text(
    'RELEASE_NAME',
    '',
    'Name of the Helm release, structured metadata `release` of the lines in Loki. The chart sets it.',
  ),

  logLevel: choice(
    'LOG_LEVEL',
    ['DEBUG', 'INFO', 'WARN', 'ERROR', 'CRITICAL'],
    'INFO',
    'Minimum level that is logged. DEBUG logs the content of messages; no other level does.',
  ),
  logMessageSampling: integer(
    'LOG_MESSAGE_SAMPLING',
    1,
    { min: 0 },
    'messages',
    'Log one of this many messages of a session at INFO: 1 logs each message, 10 every tenth, 0 none.',
  ),
  logBufferBytes: integer(
    'LOG_BUFFER_BYTES',
    4 * 1024 * 1024,
    { min: 65_536 },
    'bytes',
    'Maximum size of the log lines held in memory while stdout is slow; further lines are dropped and counted.',
  ),
  warnIntervalSeconds: seconds(
    'WARN_INTERVAL_SECONDS',
    10,
    { min: 0 },
    'Minimum time between two WARN lines of one kind about clients over a limit; the next line says how many were suppressed.',
  ),

  lokiEnabled: flag('LOKI_ENABLED', false, 'Ship the log to Loki as well, at LOKI_URL.'),
  lokiUrl: lokiUrl(
    'LOKI_URL',
    'Address of Loki, such as `http://loki:3100`, with its path prefix if it has one; `/loki/api/v1/push` is appended, unless it is there.',
  ),
  lokiBearerToken: secret('LOKI_BEARER_TOKEN', 0, 'Bearer token for Loki, or for the gateway in front of it.'),
  lokiUsername: text('LOKI_USERNAME', '', 'User for basic authentication, with LOKI_PASSWORD.'),
  lokiPassword: secret('LOKI_PASSWORD', 0, 'Password for basic authentication, with LOKI_USERNAME.'),
  lokiTenantId: text('LOKI_TENANT_ID', '', 'Tenant, for a Loki with several: the header `X-Scope-OrgID`.'),
  lokiCaFile: text(
    'LOKI_CA_FILE',
    '',
    'PEM file with the certificate authorities that are trusted for an https Loki, instead of those of Node.js.',
  ),
  lokiBufferBytes: integer(
    'LOKI_BUFFER_BYTES',
    4 * 1024 * 1024,
    { min: 1_048_576 },
    'bytes',
    'Maximum size of the compressed lines that wait in memory while Loki is away or slow: about 80,000 lines. When it is full, the oldest lines are dropped and counted.',
  ),
  lokiTimeoutSeconds: seconds(
    'LOKI_TIMEOUT_SECONDS',
    3,
    { min: 0.1 },
    'Time for Loki to accept a push; then it is retried. A Loki that is always slower needs more.',
  ),
  lokiRetryMaxSeconds: seconds(
    'LOKI_RETRY_MAX_SECONDS',
    3,
    { min: 0.1 },
    'Maximum pause between two attempts; the pause starts at 0.25 s and doubles. A Retry-After of Loki is not seen.',
  ),
  lokiFlushSeconds: seconds(
    'LOKI_FLUSH_SECONDS',
    2,
    { min: 0 },
    'Maximum time after the drain to deliver the last lines to Loki, before the last scrape; the rest is dropped and counted.',
  ),

  otlpEndpoint: otlpEndpoint(
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    'Address of an OpenTelemetry Collector that takes OTLP over HTTP, such as `http://collector:4318`: spans of handshakes, resumes, drains and the batches of the store go there, at `/v1/traces`. Empty sends none, and loads nothing of OpenTelemetry. The other `OTEL_` variables of its SDK for Node.js apply.',
  ),

  consoleEnabled: flag('CONSOLE_ENABLED', true, 'Serve the console page at `/`.'),
  allowedOrigins: list(
    'ALLOWED_ORIGINS',
    '*',
    'Origins that may connect, comma-separated: `https://app.example.com`, `https://*.example.com`, `self` (the requested Host), `*` (any). A client that sends no Origin is not a browser and is accepted.',
  ),
  trustedProxies: list(
    'TRUSTED_PROXIES',
    '',
    "Proxies whose CLIENT_ADDRESS_HEADER is trusted for the client's address, comma-separated: addresses, CIDR blocks, `loopback`, `linklocal`, `uniquelocal`. Empty trusts none. A request that never became complete (400, 408, 431) is the proxy's all the same.",
  ),
  clientAddressHeader: choice(
    'CLIENT_ADDRESS_HEADER',
    ['X-Forwarded-For', 'Forwarded'],
    'X-Forwarded-For',
    'Header in which TRUSTED_PROXIES name the client. `Forwarded` is that of RFC 7239.',
  ),
  perMessageDeflate: flag(
    'PER_MESSAGE_DEFLATE',
    false,
    'Offer permessage-deflate (RFC 7692). Costs much memory for each connection.',
  ),

  fastPath: flag(
    'FAST_PATH',
    true,
    'Read short text messages and write their replies past `ws`, for about a quarter less CPU time a message. Off at LOG_LEVEL=DEBUG, on compressed connections and with a handler of your own in any case.',
  ),

  maxConnections: integer(
    'MAX_CONNECTIONS',
    10_000,
    { min: 1 },
    'connections',
    'Maximum number of open connections; a further handshake gets 503. Needs as many file descriptors, and some more.',
  ),
  maxConnectionsPerAddress: integer(
    'MAX_CONNECTIONS_PER_ADDRESS',
    0,
    { min: 0 },
    'connections',
    'Maximum number of open connections for one client address; a further handshake gets 429. 0 is no limit: set it only where TRUSTED_PROXIES lets the service see real addresses.',
  ),
  handshakeRatePerAddress: number(
    'HANDSHAKE_RATE_PER_ADDRESS',
    0,
    { min: 0 },
    'handshakes/s',
    'Handshakes a second for one client address, with a burst of twice as many (at least 1); further ones get 429. 0 is no limit.',
  ),
  ipv6ClientPrefix: integer(
    'IPV6_CLIENT_PREFIX',
    64,
    { min: 1, max: 128 },
    'bits',
    'Leading bits of an IPv6 address that count as one client address for MAX_CONNECTIONS_PER_ADDRESS and HANDSHAKE_RATE_PER_ADDRESS, since a host can take any address of its /64. 128 counts each address by itself.',
  ),
  messageRate: number(
    'MESSAGE_RATE',
    100,
    { min: 0 },
    'messages/s',
    'Messages a second for one connection (token bucket); above it, the connection is closed with 1008. 0 is no limit.',
  ),
  messageBurst: integer(
    'MESSAGE_BURST',
    200,
    { min: 1 },
    'messages',
    'Messages that a connection may send at once before MESSAGE_RATE applies: the size of its token bucket.',
  ),
  maxMessageBytes: integer(
    'MAX_MESSAGE_BYTES',
    65_536,
    { min: 1, max: 104_857_600 },
    'bytes',
    'Maximum size of a message; a larger one closes the connection with 1009.',
  ),
  maxBufferedBytes: integer(
    'MAX_BUFFERED_BYTES',
    1_048_576,
    { min: 1024 },
    'bytes',
    'Maximum number of bytes that wait in the process for a client that does not read; above it, its socket is ended.',
  ),
  handshakeTimeoutSeconds: seconds(
    'HANDSHAKE_TIMEOUT_SECONDS',
    10,
    { min: 0.1 },
    'Time for a client to send its whole handshake; then 408.',
  ),
  handlerTimeoutSeconds: seconds(
    'HANDLER_TIMEOUT_SECONDS',
    5,
    { min: 0.01 },
    'Time for a handler of your own (`handler.ts`) to handle a message; then its connection is closed with 1011.',
  ),
  handlerConcurrency: integer(
    'HANDLER_CONCURRENCY',
    16,
    { min: 1 },
    'messages',
    'Messages of one connection that wait for the store or a handler of your own; at this number, nothing more is read from the client until one is answered.',
  ),
  idleTimeoutSeconds: seconds(
    'IDLE_TIMEOUT_SECONDS',
    0,
    { min: 0 },
    'Time without a message after which a connection gets its bye and 1001. 0 is never.',
  ),
  heartbeatIntervalSeconds: seconds(
    'HEARTBEAT_INTERVAL_SECONDS',
    30,
    { min: 0.05 },
    'Time between two heartbeats to a client, each with a ping; a client from which nothing comes between two of them is ended. Keep it below the idle timeout of every proxy on the path (often 60 s).',
  ),
  messageTimeoutSeconds: seconds(
    'MESSAGE_TIMEOUT_SECONDS',
    120,
    { min: 0 },
    'Time that a client may take to send one message, checked at each heartbeat; then it is closed with 1008. Raise it with MAX_MESSAGE_BYTES for slow links. 0 is no limit.',
  ),
  maxConnectionAgeSeconds: seconds(
    'MAX_CONNECTION_AGE_SECONDS',
    0,
    { min: 0 },
    'Age, give or take 10 % at random, at which a connection gets its bye and 1001, so that pods added later fill up. 0 is never.',
  ),
  readinessConnectionsRatio: number(
    'READINESS_CONNECTIONS_RATIO',
    0,
    { min: 0, max: 1 },
    'ratio',
    'Share of MAX_CONNECTIONS at which readiness fails, for example 0.95; ready again 5 points below. 0 is never. If every replica is near its limit, all of them leave the Service.',
  ),

  sessionTtlSeconds: seconds(
    'SESSION_TTL',
    86_400,
    { min: 1 },
    'Time that a session is kept after its last connection closed, in memory and in the shared store.',
  ),
  maxSessions: integer(
    'MAX_SESSIONS',
    1_000_000,
    { min: 1 },
    'sessions',
    'Maximum number of sessions in memory, connected or not; a further new session gets 503, since dropping an old one would lose a count that a client received. About 200 bytes each.',
  ),

  redisUrl: redisUrl(
    'REDIS_URL',
    'Redis or Valkey in which all instances share sessions; empty keeps them in memory. It may contain a password, and is never printed.',
  ),
  redisUsername: text('REDIS_USERNAME', '', 'User for REDIS_URL, instead of the one in it.'),
  redisPassword: secret('REDIS_PASSWORD', 0, 'Password for REDIS_URL, instead of the one in it.'),
  redisPasswordFile: text(
    'REDIS_PASSWORD_FILE',
    '',
    'File with that password, instead of REDIS_PASSWORD or one in REDIS_URL. It is read once a second, as are the three files below: what they hold can be changed without a restart.',
  ),
  redisCaFile: text(
    'REDIS_CA_FILE',
    '',
    'PEM file of the certificate authorities that sign the server of a rediss:// REDIS_URL; empty trusts those of Node.js.',
  ),
  redisCertFile: text(
    'REDIS_CERT_FILE',
    '',
    'PEM file with the certificate of this client, and its chain, for a rediss:// server that asks for one (mutual TLS). Needs REDIS_KEY_FILE.',
  ),
  redisKeyFile: text('REDIS_KEY_FILE', '', 'PEM file with the private key of REDIS_CERT_FILE, without a passphrase.'),
  sessionDurability: choice(
    'SESSION_DURABILITY',
    ['relaxed', 'strict'],
    'relaxed',
    'With REDIS_URL: `relaxed` replies at once and writes counts later, so that a crash loses those of one SESSION_FLUSH_INTERVAL, and of an outage of the store that is not over; `strict` replies when the store has the count.',
  ),
  sessionFlushIntervalSeconds: seconds(
    'SESSION_FLUSH_INTERVAL',
    0.1,
    { min: 0.005, max: 1 },
    'With SESSION_DURABILITY=relaxed: time between two writes of counts to the store.',
  ),
  storeTimeoutSeconds: seconds(
    'STORE_TIMEOUT_SECONDS',
    2,
    { min: 0.1, max: 60 },
    'Time that a message (strict), a resume or a bye waits for the store; then the client gets 1013, and a bye is sent anyway. Also the time within which a connection to the store that does not respond is reported, and replaced if another one can be made (twice that time with STORE_REPLICAS or STORE_FSYNC).',
  ),
  storeMaxPending: integer(
    'STORE_MAX_PENDING',
    100_000,
    { min: 1 },
    'messages',
    'With SESSION_DURABILITY=strict: maximum number of messages that wait for the store; a further message closes its connection with 1013.',
  ),
  storeReplicas: integer(
    'STORE_REPLICAS',
    0,
    { min: 0, max: 100 },
    'replicas',
    'With SESSION_DURABILITY=strict: number of replicas of the store that must have a count before it is sent; 0 sends it once the master has it. A failover loses no count that was sent if this is the number of replicas, each of which could be promoted. With fewer replicas than this, messages get 1013.',
  ),
  storeFsync: flag(
    'STORE_FSYNC',
    false,
    'With SESSION_DURABILITY=strict: send a count once the master, and STORE_REPLICAS replicas, have it on disk. Needs Redis 7.2 or Valkey, with `appendonly yes` on each.',
  ),
  readinessRequiresStore: flag(
    'READINESS_REQUIRES_STORE',
    false,
    'Fail readiness while the store is away. Off by default, since an outage of the store would take every instance out of the Service at once.',
  ),
  resumeTokenKey: secret(
    'RESUME_TOKEN_KEY',
    MIN_KEY_LENGTH,
    'Secret that signs the resume token of a bye, the same on every instance: a client that returns with its token continues from its count on any instance, without a shared store. Generate one with `openssl rand -base64 32`. Empty turns the hand-over off.',
  ),
  resumeTokenPreviousKey: secret(
    'RESUME_TOKEN_PREVIOUS_KEY',
    MIN_KEY_LENGTH,
    'The previous RESUME_TOKEN_KEY, whose tokens are still accepted: set it while a new key is rolled out, remove it RESUME_TOKEN_KEY_DELAY_SECONDS + RESUME_TOKEN_TTL_SECONDS after the last instance has the new one.',
  ),
  resumeTokenKeyFile: text(
    'RESUME_TOKEN_KEY_FILE',
    '',
    'File with that secret, instead of RESUME_TOKEN_KEY. It is read once a second: a key can be changed without a restart.',
  ),
  resumeTokenPreviousKeyFile: text(
    'RESUME_TOKEN_PREVIOUS_KEY_FILE',
    '',
    'File with the previous secret, beside RESUME_TOKEN_KEY_FILE, and read as often. It need not be there.',
  ),
  resumeTokenKeyDelaySeconds: seconds(
    'RESUME_TOKEN_KEY_DELAY_SECONDS',
    180,
    { min: 0 },
    'Time from a new key to its first signature, in which the previous one signs. The new one is accepted at once. It must be longer than the time until every instance has the key: a mounted Secret takes up to two minutes.',
  ),
  resumeTokenTtlSeconds: seconds('RESUME_TOKEN_TTL_SECONDS', 3600, { min: 1 }, 'Validity of a resume token.'),

  prestopMinSeconds: seconds(
    'PRESTOP_MIN_SECONDS',
    5,
    { min: 0 },
    'Minimum time that the preStop hook continues to serve, so that proxies and load balancers see that the pod is not ready.',
  ),
  prestopQuietSeconds: seconds(
    'PRESTOP_QUIET_SECONDS',
    2,
    { min: 0 },
    'Time without a new handshake after which the preStop hook considers the endpoints updated, and returns.',
  ),
  prestopMaxSeconds: seconds(
    'PRESTOP_MAX_SECONDS',
    20,
    { min: 0 },
    'Maximum time that the preStop hook waits, even if handshakes still arrive.',
  ),
  drainSpreadSeconds: seconds(
    'DRAIN_SPREAD_SECONDS',
    5,
    { min: 0 },
    'Window over which the closes of a drain are spread, so that clients do not come back all at once. Shortened for few connections, never below 100 closes a second. 0 closes all at once.',
  ),
  closeTimeoutSeconds: seconds(
    'CLOSE_TIMEOUT_SECONDS',
    2,
    { min: 0.05 },
    'Time for a client to answer a close frame; then its socket is ended.',
  ),
  drainTimeoutSeconds: seconds(
    'DRAIN_TIMEOUT_SECONDS',
    10,
    { min: 0.1 },
    'Time limit of the drain, from SIGTERM until the last connection is closed and every count flushed; then the process exits with status 3.',
  ),
  finalScrapeWaitSeconds: seconds(
    'FINAL_SCRAPE_WAIT_SECONDS',
    0,
    { min: 0 },
    'Maximum time to wait for one more scrape after the drain, in addition to DRAIN_TIMEOUT_SECONDS. Set it to slightly more than the scrape interval.',
  ),
  finalScrapeHeader: header(
    'FINAL_SCRAPE_HEADER',
    'X-Prometheus-Scrape-Timeout-Seconds',
    'Header that makes a GET of `/metrics/` a scrape, which ends that wait: Prometheus and vmagent send this one, curl does not. Set to nothing (`FINAL_SCRAPE_HEADER=`), every GET is one.',
  ),
  retryAfterMinSeconds: seconds(
    'RETRY_AFTER_MIN_SECONDS',
    0.1,
    { min: 0 },
    'Minimum delay that a bye, a close with 1013 or a refusal with 429 or 503 asks a client to wait.',
  ),
  retryAfterMaxSeconds: seconds(
    'RETRY_AFTER_MAX_SECONDS',
    3,
    { min: 0 },
    'Maximum of that delay; each client gets a random one between the two.',
  ),
} as const satisfies Record<string, Option<unknown>>;

/** The configuration: one value for each of {@link OPTIONS}. */
export type Config = { readonly [K in keyof typeof OPTIONS]: ReturnType<(typeof OPTIONS)[K]['parse']> };

/** The configuration of an empty environment. */
export function defaultConfig(): Config {
  const entries = Object.entries<Option<unknown>>(OPTIONS).map(([key, option]) => [key, option.parse(option.fallback)]);
  return Object.fromEntries(entries) as Config;
}

/** What one environment variable means: its rule, its default and its documentation. */
export interface Option<T> {
  /** Name of the environment variable. */
  readonly name: string;
  /** Value when the variable is not set, as one would write it. */
  readonly fallback: string;
  /** Unit or kind, for people: `seconds`, `bytes`, `true or false`. */
  readonly unit: string;
  /** Rule the value keeps, for people; empty if any value will do. */
  readonly rule: string;
  /** What it does, in a sentence or two. */
  readonly doc: string;
  /** Its value is never printed: not in the log, not in an error. */
  readonly secret?: true;
  /** Set to nothing it is empty. Other options take their default then. */
  readonly mayBeEmpty?: true;
  /**
   * Reads a value.
   * @throws {RangeError} with the rule that was broken
   */
  readonly parse: (raw: string) => T;
}

/** Bounds of a number, both included. */
interface Bounds {
  readonly min: number;
  readonly max?: number;
}

function text(name: string, fallback: string, doc: string): Option<string> {
  return { name, fallback, unit: 'text', rule: '', doc, parse: (raw) => raw };
}

/** Text that is never printed. Empty means that it is not set. */
function secret(name: string, minLength: number, doc: string): Option<string> {
  const rule = minLength === 0 ? '' : `at least ${minLength} characters`;
  const parse = (raw: string): string => {
    if (raw !== '' && raw.length < minLength) throw new RangeError(`must be ${rule}`);
    return raw;
  };
  return { name, fallback: '', unit: 'secret', rule, doc, parse, secret: true };
}

/** A host name or an address; an IPv6 address may stand in brackets. */
function host(name: string, doc: string): Option<string> {
  return { ...text(name, '', doc), parse: (raw) => raw.replace(/^\[(.*)\]$/, '$1') };
}

/** Name of a header (RFC 9110, section 5.1), or nothing. */
function header(name: string, fallback: string, doc: string): Option<string> {
  const parse = (raw: string): string => {
    if (!HEADER.test(raw)) throw new RangeError(`must be ${HEADER_RULE}`);
    return raw;
  };
  return { name, fallback, unit: 'header', rule: HEADER_RULE, doc, parse, mayBeEmpty: true };
}

function lokiUrl(name: string, doc: string): Option<string> {
  return { ...text(name, '', doc), parse: lokiBaseUrl };
}

/** An http address without a slash at its end. */
function otlpEndpoint(name: string, doc: string): Option<string> {
  const rule = 'an http:// or https:// address without a query';
  const parse = (raw: string): string => {
    if (raw !== '' && !(/^https?:\/\/[^?#]+$/.test(raw) && URL.canParse(raw))) throw new RangeError(`must be ${rule}`);
    return raw.replace(/\/+$/, '');
  };
  return { name, fallback: '', unit: 'URL', rule, doc, parse };
}

function redisUrl(name: string, doc: string): Option<RedisTarget | undefined> {
  const parse = (raw: string): RedisTarget | undefined => (raw === '' ? undefined : parseRedisUrl(raw));
  return { name, fallback: '', unit: 'URL', rule: REDIS_URL_RULE, doc, parse, secret: true };
}

function list(name: string, fallback: string, doc: string): Option<readonly string[]> {
  const parse = (raw: string): string[] =>
    raw
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  return { name, fallback, unit: 'list', rule: '', doc, parse };
}

function flag(name: string, fallback: boolean, doc: string): Option<boolean> {
  const rule = 'true or false';
  const parse = (raw: string): boolean => {
    if (/^(true|1|yes|on)$/i.test(raw)) return true;
    if (/^(false|0|no|off)$/i.test(raw)) return false;
    throw new RangeError(`must be ${rule}`);
  };
  return { name, fallback: String(fallback), unit: rule, rule, doc, parse };
}

function choice<const T extends string>(name: string, values: readonly T[], fallback: T, doc: string): Option<T> {
  const rule = `one of ${values.join(', ')}`;
  const parse = (raw: string): T => {
    const value = values.find((known) => known.toLowerCase() === raw.toLowerCase());
    if (value === undefined) throw new RangeError(`must be ${rule}`);
    return value;
  };
  return { name, fallback, unit: 'name', rule, doc, parse };
}

function number(name: string, fallback: number, bounds: Bounds, unit: string, doc: string): Option<number> {
  const rule = `a number ${range(bounds)}`;
  const parse = (raw: string): number => numberWithin(raw, /^\d+(\.\d+)?$/, bounds, rule);
  return { name, fallback: String(fallback), unit, rule, doc, parse };
}

function integer(name: string, fallback: number, bounds: Bounds, unit: string, doc: string): Option<number> {
  const rule = `a whole number ${range(bounds)}`;
  const parse = (raw: string): number => numberWithin(raw, /^\d+$/, bounds, rule);
  return { name, fallback: String(fallback), unit, rule, doc, parse };
}

/** Times are at most 2^31-1 ms (Node.js' longest timer), about 24 days. */
function seconds(name: string, fallback: number, bounds: Bounds, doc: string): Option<number> {
  return number(name, fallback, { max: 2_147_483, ...bounds }, 'seconds', doc);
}

function port(name: string, fallback: number, doc: string): Option<number> {
  return integer(name, fallback, { min: 0, max: 65_535 }, 'port', doc);
}

/** A port that may be left out. */
function optionalPort(name: string, doc: string): Option<number | undefined> {
  const { unit, rule, parse } = port(name, 0, doc);
  return { name, fallback: '', unit, rule, doc, parse: (raw) => (raw === '' ? undefined : parse(raw)) };
}

function range({ min, max }: Bounds): string {
  return max === undefined ? `of at least ${min}` : `from ${min} to ${max}`;
}

function numberWithin(
  raw: string,
  shape: RegExp,
  { min, max = Number.MAX_SAFE_INTEGER }: Bounds,
  rule: string,
): number {
  const value = shape.test(raw) ? Number(raw) : NaN;
  if (!(value >= min && value <= max)) throw new RangeError(`must be ${rule}`);
  return value;
}
