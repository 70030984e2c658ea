import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { distance } from 'fastest-levenshtein';

/** How long the monitor watches unless told. Seconds. */
const DEFAULT_SECONDS = 60;
/** Longest timer of Node.js, 2^31-1 ms, in seconds. */
const MAX_SECONDS = 2_147_483;

/** One flag of the command line. */
export interface Option {
  /** Letter of the short form. */
  readonly short?: string;
  /** Placeholder of its value; none if it is a switch. */
  readonly value?: string;
  /** Value when it is not given, as one would write it. */
  readonly fallback?: string;
  /** Which mode it belongs to: a flag of one mode is refused in the other. */
  readonly mode: 'local' | 'cluster' | 'both';
  /** What it does, in a sentence or two. */
  readonly doc: string;
}

/** Flags of the monitor. From this table come the parser, `--help` and the table in docs/monitor.md. */
export const OPTIONS = {
  url: {
    value: 'URL',
    fallback: 'http://127.0.0.1:8080',
    mode: 'local',
    doc: 'Service to watch: its `/healthz/`, `/readyz/` and `/metrics/`.',
  },
  'log-file': {
    value: 'PATH',
    mode: 'local',
    doc: 'Log file to follow from its end, through rotation and truncation; `-` is standard input. It goes before `LOKI_URL`, and that before a pipe.',
  },
  namespace: {
    short: 'n',
    value: 'NAME',
    mode: 'cluster',
    doc: "Namespace of the release; the kubeconfig context's own, or `default`, if not given.",
  },
  release: {
    short: 'r',
    value: 'NAME',
    mode: 'cluster',
    doc: 'Helm release to watch; every release of this chart in the namespace if not given.',
  },
  context: { value: 'NAME', mode: 'cluster', doc: 'Context of the kubeconfig; its current one if not given.' },
  kubeconfig: {
    value: 'PATH',
    mode: 'cluster',
    doc: 'Kubeconfig file; `KUBECONFIG`, then `~/.kube/config`, then the service account of the pod it runs in, if not given.',
  },
  interval: { value: 'SECONDS', fallback: '10', mode: 'both', doc: 'Time between two metrics snapshots.' },
  warn: {
    mode: 'both',
    doc: 'Show WARN lines of the log too; without it they are only counted. They are no problems.',
  },
  json: { mode: 'both', doc: 'Print one JSON object a line; the last is the summary.' },
  help: { short: 'h', mode: 'both', doc: 'Print this help.' },
} as const satisfies Record<string, Option>;

/** Environment variables that are read, with what each does. */
export const ENVIRONMENT = {
  LOKI_URL:
    'Local mode: Loki to read the log from, such as `http://localhost:3100`, with its path if it is behind one.',
  LOKI_USERNAME: 'User for basic authentication, with `LOKI_PASSWORD`.',
  LOKI_PASSWORD: 'Password for basic authentication, with `LOKI_USERNAME`.',
  LOKI_BEARER_TOKEN: 'Token that Loki, or the gateway before it, asks for.',
  LOKI_TENANT_ID: 'Tenant of a Loki that has several: the header `X-Scope-OrgID`.',
  LOKI_CA_FILE: 'File with the certificates, in PEM format, that an https Loki is trusted by.',
  KUBECONFIG: 'Cluster mode: kubeconfig files, as kubectl reads them.',
  NO_COLOR: 'Any value turns colours off.',
} as const;

/** Exit statuses, with what each means. */
export const EXIT_STATUSES = {
  0: 'healthy: everything was watched and no problem was seen',
  1: 'problems were seen; the summary lists them',
  2: 'it could not watch: a wrong command line, or something that could never be reached or was still away at the end',
} as const;

/** A key of {@link EXIT_STATUSES}. */
export type ExitStatus = keyof typeof EXIT_STATUSES;

/** Where the log of a local service comes from. */
export type LogOrigin =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'stdin' }
  | ({ readonly kind: 'loki' } & LokiTarget)
  | { readonly kind: 'none' };

/** A Loki, and how to be let in. */
export interface LokiTarget {
  readonly url: URL;
  /** Headers of each request. */
  readonly headers: Readonly<Record<string, string>>;
  readonly caFile: string | undefined;
}

/** A service on this machine, or wherever its URL leads. */
export interface LocalTarget {
  readonly mode: 'local';
  readonly url: URL;
  readonly log: LogOrigin;
}

/** A Helm release in a cluster. */
export interface ClusterTarget {
  readonly mode: 'cluster';
  readonly namespace: string | undefined;
  readonly release: string | undefined;
  readonly context: string | undefined;
  readonly kubeconfig: string | undefined;
}

/** What to watch, for how long, and how to show it. */
export interface Settings {
  readonly target: LocalTarget | ClusterTarget;
  /** Seconds to watch; Infinity until it is interrupted. */
  readonly seconds: number;
  /** Seconds between two metrics snapshots. */
  readonly interval: number;
  readonly warn: boolean;
  readonly json: boolean;
}

/** What surrounds the command line. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Something other than a terminal or nothing is on standard input. */
  readonly stdinPiped: boolean;
}

/** The command line can't be understood. The message is a sentence that says what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/**
 * Reads the command line.
 * @returns the settings, or `help` if they were asked for
 * @throws {UsageError} naming the flag, its value and the rule
 */
export function parseOptions(args: readonly string[], surroundings: Surroundings): Settings | 'help' {
  const { values, positionals } = parse(args);
  if (values.help === true) return 'help';
  if (positionals.length > 1)
    throw new UsageError(`One number of seconds is expected, not ${positionals.map(quote).join(' and ')}.`);
  const given = (Object.keys(OPTIONS) as OptionName[]).filter((name) => values[name] !== undefined);
  const cluster = given.filter((name) => OPTIONS[name].mode === 'cluster');
  const local = given.filter((name) => OPTIONS[name].mode === 'local');
  if (cluster[0] !== undefined && local[0] !== undefined)
    throw new UsageError(
      `--${local[0]} is for a local service and --${cluster[0]} for a cluster: give one or the other.`,
    );
  return {
    target: cluster.length > 0 ? clusterTarget(values) : localTarget(values, surroundings),
    seconds: positionals[0] === undefined ? DEFAULT_SECONDS : watchSeconds(positionals[0]),
    interval: secondsWithin('--interval', text(values, 'interval') ?? OPTIONS.interval.fallback, 0.1),
    warn: values.warn === true,
    json: values.json === true,
  };
}

/** The text of `--help`. */
export function usage(): string {
  const flags = entries(OPTIONS).map(([name, option]) => {
    const fallback = option.fallback === undefined ? '' : ` (default ${option.fallback})`;
    return `  ${flagText(name, option).padEnd(24)} ${plain(option.doc)}${fallback}`;
  });
  return [
    'Usage: scripts/monitor.sh [SECONDS] [options]',
    '',
    `Watches the service for SECONDS (default ${DEFAULT_SECONDS}; 0 is until Ctrl-C): errors in its log, metrics, health.`,
    'Local service:  scripts/monitor.sh 60 --log-file service.log      npm start | scripts/monitor.sh 60',
    'In a cluster:   scripts/monitor.sh 60 --namespace chat --release demo',
    '',
    ...flags,
    '',
    'Environment:',
    ...Object.entries(ENVIRONMENT).map(([name, doc]) => `  ${name.padEnd(24)} ${plain(doc)}`),
    '',
    'Exit status:',
    ...Object.entries(EXIT_STATUSES).map(([status, meaning]) => `  ${status}  ${meaning}`),
    '',
  ].join('\n');
}

/** The options as a Markdown table. */
export function optionsTable(): string {
  const rows = entries(OPTIONS).map(([name, option]) => {
    const fallback = option.fallback === undefined ? '' : `\`${option.fallback}\``;
    return `| \`${flagText(name, option)}\` | ${fallback} | ${option.mode} | ${option.doc} |`;
  });
  return ['| Flag | Default | Mode | What it does |', '|---|---|---|---|', ...rows].join('\n');
}

type OptionName = keyof typeof OPTIONS;
type Values = Readonly<Partial<Record<OptionName, string | boolean>>>;

function parse(args: readonly string[]): { values: Values; positionals: string[] } {
  const options: ParseArgsOptionsConfig = {};
  for (const [name, { short, value }] of entries(OPTIONS))
    options[name] = { type: value === undefined ? 'boolean' : 'string', ...(short !== undefined && { short }) };
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    return { values: values, positionals };
  } catch (error) {
    throw new UsageError(explainParseError(error as Error & { code?: string }));
  }
}

function explainParseError(error: Error & { code?: string }): string {
  const unknown = error.code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' ? /'(-[^']*)'/.exec(error.message)?.[1] : undefined;
  if (unknown === undefined)
    return `${error.message.split('. ')[0]?.replaceAll('\n', ' ') ?? ''}; --help lists the flags.`;
  const names = Object.keys(OPTIONS);
  const nearest = names.toSorted((a, b) => distance(a, unknown.slice(2)) - distance(b, unknown.slice(2)))[0] ?? '';
  const near = distance(nearest, unknown.slice(2)) <= 2;
  return `${unknown} is not a flag${near ? `: did you mean --${nearest}?` : '; --help lists them.'}`;
}

function localTarget(values: Values, { env, stdinPiped }: Surroundings): LocalTarget {
  const raw = text(values, 'url') ?? OPTIONS.url.fallback;
  const file = text(values, 'log-file');
  const loki = lokiTarget(env);
  const url = httpUrl('--url', raw);
  if (file === '-' || (file === undefined && loki === undefined && stdinPiped))
    return { mode: 'local', url, log: { kind: 'stdin' } };
  if (file !== undefined) return { mode: 'local', url, log: { kind: 'file', path: file } };
  return { mode: 'local', url, log: loki === undefined ? { kind: 'none' } : { kind: 'loki', ...loki } };
}

function lokiTarget(env: Surroundings['env']): LokiTarget | undefined {
  const value = (name: keyof typeof ENVIRONMENT): string | undefined => {
    const text = env[name]?.trim();
    return text === '' ? undefined : text;
  };
  const url = value('LOKI_URL');
  if (url === undefined) return undefined;
  const [user, token, tenant] = [value('LOKI_USERNAME'), value('LOKI_BEARER_TOKEN'), value('LOKI_TENANT_ID')];
  const basic = Buffer.from(`${user ?? ''}:${value('LOKI_PASSWORD') ?? ''}`).toString('base64');
  return {
    url: httpUrl('LOKI_URL', url),
    headers: {
      ...(user !== undefined && { authorization: `Basic ${basic}` }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(tenant !== undefined && { 'x-scope-orgid': tenant }),
    },
    caFile: value('LOKI_CA_FILE'),
  };
}

function clusterTarget(values: Values): ClusterTarget {
  for (const name of ['namespace', 'release'] as const) {
    const value = text(values, name);
    if (value !== undefined && !DNS_LABEL.test(value))
      throw new UsageError(`--${name} ${quote(value)} must be lower-case letters, digits and dashes, at most 63.`);
  }
  return {
    mode: 'cluster',
    namespace: text(values, 'namespace'),
    release: text(values, 'release'),
    context: text(values, 'context'),
    kubeconfig: text(values, 'kubeconfig'),
  };
}

/** RFC 1123 label: what Kubernetes takes for a namespace and Helm for a release. */
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

function httpUrl(name: string, raw: string): URL {
  const url = URL.parse(raw);
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw new UsageError(`${name} ${quote(raw)} must be a URL such as ${OPTIONS.url.fallback}.`);
  return url;
}

function watchSeconds(raw: string): number {
  return raw === '0' ? Infinity : secondsWithin('The time to watch,', raw, 0.1);
}

function secondsWithin(name: string, raw: string, min: number): number {
  const value = /^\d+(\.\d+)?$/.test(raw) ? Number(raw) : NaN;
  if (!(value >= min && value <= MAX_SECONDS))
    throw new UsageError(`${name} ${quote(raw)} must be a number of seconds from ${min} to ${MAX_SECONDS}.`);
  return value;
}

function text(values: Values, name: OptionName): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

function entries(options: Readonly<Record<string, Option>>): [string, Option][] {
  return Object.entries(options);
}

function flagText(name: string, { short, value }: Option): string {
  return `--${name}${short === undefined ? '' : `, -${short}`}${value === undefined ? '' : ` ${value}`}`;
}

function plain(markdown: string): string {
  return markdown.replaceAll('`', '');
}

function quote(value: string): string {
  return JSON.stringify(value);
}
