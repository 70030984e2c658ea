/** Where a Redis or Valkey is, as REDIS_URL says. */
export interface RedisTarget {
  readonly kind: 'standalone' | 'sentinel' | 'cluster';
  /** The server, the Sentinels, or some nodes of the Cluster. */
  readonly nodes: readonly RedisNode[];
  /** Name under which the Sentinels know the master; empty for the other kinds. */
  readonly master: string;
  readonly tls: boolean;
  readonly username: string;
  readonly password: string;
  /** Number of the database; 0 in a Cluster. */
  readonly database: number;
}

/** Address of one server. */
export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

/** The forms that REDIS_URL has. */
export const REDIS_URL_RULE =
  'redis[s]://[user:password@]host[:6379][/database], redis[s]+sentinel://[user:password@]host[:26379][,host...]/master[/database] or redis[s]+cluster://[user:password@]host[:6379][,host...]';

const SHAPE =
  /^(?<scheme>rediss?)(?:\+(?<kind>sentinel|cluster))?:\/\/(?:(?<user>[^:@/]*)(?::(?<password>[^@/]*))?@)?(?<nodes>[^/@]+)(?:\/(?<path>.*))?$/;
const NODE = /^(?:\[(?<ipv6>[0-9a-fA-F:.]+)\]|(?<host>[\w.-]+))(?::(?<port>\d{1,5}))?$/;

/**
 * Reads a REDIS_URL.
 * @throws {RangeError} with the forms there are
 */
export function parseRedisUrl(raw: string): RedisTarget {
  const parts = SHAPE.exec(raw)?.groups;
  if (parts === undefined) throw invalidUrl();
  const kind = (parts['kind'] ?? 'standalone') as RedisTarget['kind'];
  const path = (parts['path'] ?? '').split('/');
  const master = kind === 'sentinel' ? (path.shift() ?? '') : '';
  const database = path.join('/');
  const nodes = (parts['nodes'] ?? '').split(',').map((node) => parseNode(node, kind));
  // The rest of a password that holds a slash.
  if (parts['path']?.includes('@') === true) throw invalidUrl();
  if (kind === 'sentinel' && master === '') throw invalidUrl();
  if (kind === 'standalone' && nodes.length > 1) throw invalidUrl();
  if (!/^\d{0,3}$/.test(database) || (kind === 'cluster' && Number(database) > 0)) throw invalidUrl();
  return {
    kind,
    nodes,
    master,
    tls: parts['scheme'] === 'rediss',
    username: decoded(parts['user']),
    password: decoded(parts['password']),
    database: Number(database),
  };
}

function parseNode(raw: string, kind: RedisTarget['kind']): RedisNode {
  const parts = NODE.exec(raw)?.groups;
  const host = parts?.['ipv6'] ?? parts?.['host'];
  const port = Number(parts?.['port'] ?? (kind === 'sentinel' ? 26_379 : 6379));
  if (host === undefined || port < 1 || port > 65_535) throw invalidUrl();
  return { host, port };
}

function decoded(text = ''): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalidUrl();
  }
}

function invalidUrl(): RangeError {
  return new RangeError(
    `must be ${REDIS_URL_RULE}; in its user and password, @ / # % are written %40 %2F %23 %25, or the password is set in REDIS_PASSWORD as it is`,
  );
}
