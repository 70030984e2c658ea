import { distance } from 'fastest-levenshtein';
import proxyAddr from 'proxy-addr';
import { redactedAddress } from '../../../lib/redaction.ts';
import { lokiProblems, lokiWarnings } from './loki-rules.ts';
import { isOriginRule } from './origin-rule.ts';
import { OPTIONS, type Config, type Option } from './options.ts';

/** Environment variables as `process.env` gives them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The configuration, and likely mistakes in it. */
export interface LoadedConfig {
  readonly config: Config;
  /** Sentences about variables that are likely misspelt, or have no effect. They do not stop the start. */
  readonly warnings: readonly string[];
}

/** The environment holds values that can't be used. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** Every problem, a sentence each, naming the variable, its value and the rule. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      `${problems.length} problem${problems.length === 1 ? '' : 's'} in the configuration:\n  ${problems.join('\n  ')}`,
    );
    this.problems = problems;
  }
}

/**
 * Reads the configuration from environment variables. An empty value counts as not set, but for options that may be
 * empty.
 * @throws {ConfigError} listing every problem at once
 */
export function loadConfig(env: Environment): LoadedConfig {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, option] of Object.entries<Option<unknown>>(OPTIONS)) {
    const raw = env[option.name]?.trim();
    try {
      const isSet = raw !== undefined && (raw !== '' || option.mayBeEmpty === true);
      values[key] = option.parse(isSet ? raw : option.fallback);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const shown =
        option.secret === true ? '(a secret)' : quote(option.unit === 'URL' ? redactedAddress(raw ?? '') : raw);
      problems.push(`${option.name}=${shown} ${error.message}`);
    }
  }
  problems.push(...removedOptions(env));
  const config = values as Config;
  if (problems.length === 0) problems.push(...crossChecks(config));
  if (problems.length > 0) throw new ConfigError(problems);
  return { config, warnings: [...misspeltVariables(env), ...lokiWarnings(config), ...storeWarnings(config)] };
}

/** Variables that were options, and why they no longer are. */
const REMOVED: Readonly<Record<string, string>> = {
  LOKI_GZIP: 'is no longer an option: winston-loki, which ships the log, does not compress. Remove it',
};

function removedOptions(env: Environment): string[] {
  const isSet = ([name]: [string, string]): boolean => (env[name]?.trim() ?? '') !== '';
  return Object.entries(REMOVED)
    .filter(isSet)
    .map(([name, why]) => `${name}=${quote(env[name])} ${why}`);
}

/** Rules between options. Each sentence says which value to change. */
function crossChecks(config: Config): string[] {
  const problems: string[] = [];
  const closing = config.drainSpreadSeconds + config.closeTimeoutSeconds;
  if (closing >= config.drainTimeoutSeconds)
    problems.push(
      `DRAIN_TIMEOUT_SECONDS=${config.drainTimeoutSeconds} must be more than DRAIN_SPREAD_SECONDS + CLOSE_TIMEOUT_SECONDS = ${closing}: raise it, or shorten the spread`,
    );
  if (config.redisUrl !== undefined && closing + config.storeTimeoutSeconds >= config.drainTimeoutSeconds)
    problems.push(
      `STORE_TIMEOUT_SECONDS=${config.storeTimeoutSeconds} must be less than DRAIN_TIMEOUT_SECONDS - DRAIN_SPREAD_SECONDS - CLOSE_TIMEOUT_SECONDS = ${config.drainTimeoutSeconds - closing}: shorten it, or raise DRAIN_TIMEOUT_SECONDS`,
    );
  problems.push(...durabilityProblems(config), ...storeFileProblems(config));
  if (config.prestopMinSeconds > config.prestopMaxSeconds)
    problems.push(
      `PRESTOP_MIN_SECONDS=${config.prestopMinSeconds} must be at most PRESTOP_MAX_SECONDS=${config.prestopMaxSeconds}`,
    );
  if (config.retryAfterMinSeconds > config.retryAfterMaxSeconds)
    problems.push(
      `RETRY_AFTER_MIN_SECONDS=${config.retryAfterMinSeconds} must be at most RETRY_AFTER_MAX_SECONDS=${config.retryAfterMaxSeconds}`,
    );
  if (config.resumeTokenPreviousKey !== '' && config.resumeTokenKey === '')
    problems.push('RESUME_TOKEN_PREVIOUS_KEY needs RESUME_TOKEN_KEY, which signs: set it, or drop both');
  if (config.resumeTokenKeyFile !== '' && config.resumeTokenKey !== '')
    problems.push('RESUME_TOKEN_KEY_FILE and RESUME_TOKEN_KEY are both set: drop one');
  if (config.resumeTokenPreviousKeyFile !== '' && config.resumeTokenKeyFile === '')
    problems.push('RESUME_TOKEN_PREVIOUS_KEY_FILE needs RESUME_TOKEN_KEY_FILE: set it, or drop both');
  problems.push(...portProblems(config));
  for (const origin of config.allowedOrigins)
    if (!isOriginRule(origin))
      problems.push(
        `ALLOWED_ORIGINS holds ${quote(origin)}, which must be \`*\`, \`self\`, or scheme://host[:port] without a path, such as https://app.example.com or https://*.example.com`,
      );
  problems.push(...proxyProblems(config.trustedProxies), ...lokiProblems(config));
  return problems;
}

function portProblems({ port, adminPort, metricsPort }: Config): string[] {
  const problems: string[] = [];
  if (adminPort !== 0 && adminPort === port) problems.push(`ADMIN_PORT=${adminPort} must differ from PORT=${port}`);
  if (metricsPort !== 0 && metricsPort === port)
    problems.push(
      `METRICS_PORT=${metricsPort} must differ from PORT=${port}: leave it empty to serve the metrics on PORT`,
    );
  if (metricsPort !== 0 && metricsPort !== undefined && metricsPort === adminPort)
    problems.push(
      `METRICS_PORT=${metricsPort} must differ from ADMIN_PORT=${adminPort}, which this machine alone reaches`,
    );
  return problems;
}

/** Without a store no reply waits for it; and one that does not can't wait for its replicas or disk either. */
function durabilityProblems(config: Config): string[] {
  const { storeReplicas, storeFsync, redisUrl, sessionDurability } = config;
  const strict = sessionDurability === 'strict';
  const acknowledged = [
    ...(storeReplicas > 0 ? [`STORE_REPLICAS=${storeReplicas}`] : []),
    ...(storeFsync ? [`STORE_FSYNC=${storeFsync}`] : []),
  ];
  const needStore = [...(strict ? ['SESSION_DURABILITY=strict'] : []), ...acknowledged];
  return [
    ...(redisUrl === undefined ? needStore : []).map(
      (option) => `${option} needs a shared store: set REDIS_URL, or drop it`,
    ),
    ...(strict ? [] : acknowledged).map(
      (option) =>
        `${option} needs SESSION_DURABILITY=strict: with ${sessionDurability}, replies do not wait for the store; set it to strict, or drop ${option}`,
    ),
  ];
}

/** What is only there for a store, without one. */
function storeWarnings(config: Config): string[] {
  if (config.redisUrl !== undefined) return [];
  const { redisUsername, redisPassword, redisPasswordFile, redisCaFile, redisCertFile } = config;
  const set = Object.entries({
    REDIS_USERNAME: redisUsername,
    REDIS_PASSWORD: redisPassword,
    REDIS_PASSWORD_FILE: redisPasswordFile,
    REDIS_CA_FILE: redisCaFile,
    REDIS_CERT_FILE: redisCertFile,
  }).filter(([, value]) => value !== '');
  return set.map(([name]) => `${name} is set and REDIS_URL is not: sessions are kept in memory`);
}

/** A secret in two places, and TLS that would not be used though its files are there. */
function storeFileProblems(config: Config): string[] {
  const { redisUrl, redisPassword, redisPasswordFile, redisCaFile, redisCertFile, redisKeyFile } = config;
  const problems: string[] = [];
  if (redisPasswordFile !== '' && redisPassword !== '')
    problems.push('REDIS_PASSWORD_FILE and REDIS_PASSWORD are both set: drop one');
  if (redisPasswordFile !== '' && redisUrl !== undefined && redisUrl.password !== '')
    problems.push(
      'REDIS_PASSWORD_FILE is set, and REDIS_URL contains a password: take it out of REDIS_URL, or drop the file',
    );
  if ((redisCertFile === '') !== (redisKeyFile === ''))
    problems.push('REDIS_CERT_FILE and REDIS_KEY_FILE need each other: set both, or drop both');
  if (redisUrl === undefined || redisUrl.tls) return problems;
  const files = { REDIS_CA_FILE: redisCaFile, REDIS_CERT_FILE: redisCertFile, REDIS_KEY_FILE: redisKeyFile };
  for (const [name, path] of Object.entries(files))
    if (path !== '')
      problems.push(`${name}=${quote(path)} needs TLS: write REDIS_URL with rediss instead of redis, or drop the file`);
  return problems;
}

function proxyProblems(proxies: readonly string[]): string[] {
  const problems: string[] = [];
  for (const proxy of proxies) {
    try {
      proxyAddr.compile(proxy);
    } catch {
      problems.push(
        `TRUSTED_PROXIES holds ${quote(proxy)}, which must be an IP address, a CIDR block such as 10.0.0.0/8, or loopback, linklocal, uniquelocal`,
      );
    }
  }
  return problems;
}

/** Names that start like ours, and that no other known program uses but X11's session manager. */
const OUR_PREFIXES =
  /^(?!SESSION_MANAGER$)((LOKI|REDIS|SESSION|DRAIN|PRESTOP|RESUME_TOKEN|STORE|HEARTBEAT|HANDSHAKE|HANDLER|RETRY_AFTER|FINAL_SCRAPE|MESSAGE|WEBSOCKET|WS)_|MAX_(CONN|MESS|BUFF|SESS)|LOG_(LEVEL|MESSAGE|BUFFER))[A-Z_]*$/;
/** Service links, which Kubernetes adds unless they are turned off: `LOKI_PORT_3100_TCP_ADDR`, `REDIS_SERVICE_HOST`. */
const SERVICE_LINK = /(_SERVICE_(HOST|PORT)|_PORT)(_|$)/;

function misspeltVariables(env: Environment): string[] {
  const names = Object.values<Option<unknown>>(OPTIONS).map((option) => option.name);
  const warnings: string[] = [];
  for (const name of Object.keys(env)) {
    if (names.includes(name) || SERVICE_LINK.test(name)) continue;
    const [nearest, edits] = nearestName(name, names);
    const near = name.length >= 5 && edits <= (name.length < 8 ? 1 : 2);
    if (near) warnings.push(`${name} is not an option: did you mean ${nearest}?`);
    else if (OUR_PREFIXES.test(name))
      warnings.push(`${name} is not an option and has no effect; ${similar(name, names)}`);
  }
  return warnings;
}

/** The names that begin with the same word, or where to find all. */
function similar(name: string, names: readonly string[]): string {
  const word = `${name.split('_')[0] ?? ''}_`;
  const alike = names.filter((known) => known.startsWith(word));
  return alike.length === 0 ? '--help lists those there are' : `those that begin alike are ${alike.join(', ')}`;
}

function nearestName(name: string, names: readonly string[]): [string, number] {
  let best: [string, number] = ['', Infinity];
  for (const candidate of names) {
    const edits = distance(name.toUpperCase(), candidate);
    if (edits < best[1]) best = [candidate, edits];
  }
  return best;
}

function quote(value: string | undefined): string {
  return JSON.stringify(value ?? '');
}
