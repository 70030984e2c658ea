/** Path of the service's WebSocket endpoint, taken where the host has none. */
const DEFAULT_PATH = '/ws/chat/';

/** What `--host` names. */
export interface Target {
  readonly secure: boolean;
  /** Name or IP address, without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** Name and port, as in a Host header. */
  readonly host: string;
  /** Path, and query if it has one. */
  readonly path: string;
  /** Where the metrics are if nothing else is said: `/metrics/` of the same host. */
  readonly metricsUrl: string;
}

/**
 * Reads a WebSocket URL.
 * @throws {RangeError} with the rule that was broken
 */
export function parseTarget(raw: string): Target {
  const url = URL.parse(raw);
  if (url === null || !['ws:', 'wss:'].includes(url.protocol) || url.hostname === '')
    throw new RangeError('must be a URL such as ws://localhost:8080 or wss://chat.example.com/ws/chat/');
  if (url.username !== '' || url.password !== '')
    throw new RangeError("must not hold a user or password: give --header 'Authorization: ...' instead");
  if (url.hash !== '')
    throw new RangeError('must not have a fragment (#): a WebSocket URL has none (RFC 6455, section 3)');
  const secure = url.protocol === 'wss:';
  return {
    secure,
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    host: url.host,
    path: (url.pathname === '/' ? DEFAULT_PATH : url.pathname) + url.search,
    metricsUrl: `${secure ? 'https' : 'http'}://${url.host}/metrics/`,
  };
}
