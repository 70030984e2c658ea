import { isIP } from 'node:net';
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { distance } from 'fastest-levenshtein';
import { parseAssertion, type Assertion } from './asserts.ts';
import type { ReconnectPolicy } from './plan.ts';
import type { Scenario } from './scenario.ts';
import { SCENARIOS } from './scenarios.ts';
import { parseTarget, type Target } from './target.ts';
import { UsageError } from './usage-error.ts';

/** One flag of the command line. */
export interface Option<T> {
  /** Placeholder of its value; none if it is a switch. */
  readonly value?: string;
  /** Value when it is not given, as one would write it. */
  readonly fallback?: string;
  readonly unit?: string;
  readonly repeatable?: true;
  /** What it does, in a sentence or two. */
  readonly doc: string;
  /**
   * Reads a value.
   * @throws {RangeError} with the rule that was broken
   */
  readonly parse: (raw: string) => T;
}

/** Longest timer of Node.js, 2^31-1 ms, in seconds. */
const MAX_SECONDS = 2_147_483;

/** Flags of the load test. From this table come the parser, `--help` and the table in docs/loadtest.md. */
export const OPTIONS = {
  host: {
    value: 'URL',
    fallback: 'ws://localhost:8080',
    doc: 'Service to test, `ws://` or `wss://`; the path is `/ws/chat/` if it has none.',
    parse: parseTarget,
  },
  sockets: integer('N', '100', 'sockets', 1, 1_000_000, 'Sockets to open, each a session of its own.'),
  rate: number('N', '100', 'connections/s', 0.001, 100_000, 'Connections opened a second.'),
  duration: number(
    'SECONDS',
    '60',
    'seconds',
    0.1,
    MAX_SECONDS,
    'Length of the run, from the first connection to the last message.',
  ),
  'send-rate': number(
    'N',
    '1',
    'messages/s',
    0,
    10_000,
    'Messages a second for each socket, on schedule whether replies come or not. 0 sends nothing.',
  ),
  'message-bytes': integer('N', '16', 'bytes', 1, 1_048_576, 'Length of a message.'),
  scenario: {
    value: 'NAME',
    fallback: 'steady',
    doc: 'Shape of the load; `--list-scenarios` tells the names. A scenario may change the defaults of other flags.',
    parse: scenarioNamed,
  },
  'list-scenarios': { doc: 'Print the names of the scenarios, and exit.', parse: Boolean },
  reconnect: {
    value: 'POLICY',
    fallback: 'backoff',
    doc: '`backoff`: after a bye or a refusal wait as long as it says, after any other loss back off with full jitter. `immediately`: as bad clients do. `never`: a lost socket stays lost.',
    parse: policyNamed,
  },
  'no-reconnect': { doc: 'Short for `--reconnect never`.', parse: Boolean },
  'backoff-base': number(
    'SECONDS',
    '0.5',
    'seconds',
    0,
    3600,
    'Bound of the first wait of a backoff; it doubles with each attempt.',
  ),
  'backoff-max': number('SECONDS', '30', 'seconds', 0, 3600, 'Largest bound of a wait of a backoff.'),
  'connect-timeout': number('SECONDS', '10', 'seconds', 0.01, 3600, 'Time for a connection to open.'),
  'reply-timeout': number(
    'SECONDS',
    '10',
    'seconds',
    0.01,
    3600,
    'Time for a reply: a connection that takes longer is given up as lost; at the end, a message that takes longer is lost.',
  ),
  header: {
    value: 'LINE',
    repeatable: true,
    doc: 'Header line of the handshakes, `Name: value`.',
    parse: headerLine,
  },
  insecure: { doc: 'Accept any certificate of a `wss://` service.', parse: Boolean },
  'metrics-url': {
    value: 'URL',
    repeatable: true,
    doc: 'Metrics of an instance of the service, compared with what the clients saw. Behind a load balancer give one for each pod. `/metrics/` of the host if not given.',
    parse: metricsUrl,
  },
  'no-metrics': { doc: 'Compare with no metrics.', parse: Boolean },
  assert: {
    value: 'RULE',
    repeatable: true,
    doc: 'Threshold that the run must keep, such as `p99<10ms`, `errors<0.1%`, `lost=0`; else the exit status is 1. The names are below.',
    parse: parseAssertion,
  },
  report: {
    value: 'FILE',
    doc: 'Write a page with plots and the verdict: one HTML file that needs no other.',
    parse: (raw: string): string => raw,
  },
  json: { doc: 'Print the result as one JSON object on stdout; progress goes to stderr.', parse: Boolean },
  processes: integer(
    'N',
    '',
    'processes',
    1,
    256,
    'Processes that hold the sockets. If not given, half of the cores at most, one for up to 5,000 sockets, and more where the limit on open files asks for it.',
  ),
  'source-addresses': {
    value: 'N|LIST',
    doc: 'Addresses to connect from, in turn: how many of 127.0.0.1, 127.0.0.2, ..., or a comma-separated list. If not given, one as long as its ports suffice, and as many as needed for a service on loopback.',
    parse: sourceAddresses,
  },
  help: { doc: 'Print this help, and exit.', parse: Boolean },
  version: { doc: 'Print the version, and exit.', parse: Boolean },
} as const satisfies Record<string, Option<unknown>>;

/** Exit statuses, with what each means. */
export const EXIT_STATUSES = {
  0: 'the run is good: every count right, the metrics agree, all assertions hold',
  1: 'it is not; the verdict says why',
  2: 'it could not begin: a wrong flag, or a host that does not answer',
  130: 'Ctrl-C ended it early, and so far it was good; a second Ctrl-C leaves no report',
} as const;

/** A key of {@link EXIT_STATUSES}. */
export type ExitStatus = keyof typeof EXIT_STATUSES;

/** What to do, as the command line says. Times are seconds. */
export interface Settings {
  readonly target: Target;
  readonly scenario: Scenario;
  readonly sockets: number;
  readonly rate: number;
  readonly duration: number;
  readonly sendRate: number;
  readonly messageBytes: number;
  readonly reconnect: ReconnectPolicy;
  readonly backoffBase: number;
  readonly backoffMax: number;
  readonly connectTimeout: number;
  readonly replyTimeout: number;
  readonly headers: readonly string[];
  readonly verifyCertificate: boolean;
  /** Empty if nothing is to be compared. */
  readonly metricsUrls: readonly string[];
  /** They were named, not derived from the host: it is an error if they can't be read. */
  readonly metricsNamed: boolean;
  readonly assertions: readonly Assertion[];
  readonly report: string | undefined;
  readonly json: boolean;
  readonly processes: number | undefined;
  readonly sourceAddresses: number | readonly string[] | undefined;
  /** The flags in force, as one would write them. */
  readonly written: Readonly<Record<string, string>>;
}

/** What the command line asks for. */
export type Command = { readonly run: Settings } | { readonly print: 'help' | 'version' | 'scenarios' };

/**
 * Reads the command line.
 * @throws {UsageError} naming the flag, its value and the rule
 */
export function parseOptions(args: readonly string[]): Command {
  const given = parse(args);
  if (given.help !== undefined) return { print: 'help' };
  if (given.version !== undefined) return { print: 'version' };
  if (given['list-scenarios'] !== undefined) return { print: 'scenarios' };
  return { run: settingsOf(given) };
}

/** The text of `--help`. */
export function usage(): string {
  const flags = entries().map(([name, option]) => {
    const fallback = option.fallback === undefined || option.fallback === '' ? '' : ` (default ${option.fallback})`;
    return `  ${flagText(name, option).padEnd(26)} ${plain(option.doc)}${fallback}`;
  });
  return [
    'Usage: npm run loadtest -- [options]',
    '',
    'Opens WebSockets, sends messages on schedule, checks every count it is told, and compares its totals with the metrics.',
    '  npm run loadtest -- --sockets 1000 --rate 10 --duration 300 --host ws://localhost:8080 --send-rate 0.1',
    "  npm run loadtest -- --scenario reconnect-storm --report storm.html --assert lost=0 --assert 'p99<10ms'",
    '',
    ...flags,
    '',
    'Exit status:',
    ...Object.entries(EXIT_STATUSES).map(([status, meaning]) => `  ${status.padEnd(3)}  ${meaning}`),
    '',
  ].join('\n');
}

/** The options as a Markdown table. */
export function optionsTable(): string {
  const rows = entries().map(([name, option]) => {
    const fallback = option.fallback === undefined || option.fallback === '' ? '' : `\`${option.fallback}\``;
    return `| \`${flagText(name, option).replaceAll('|', '\\|')}\` | ${fallback} | ${option.unit ?? ''} | ${option.doc}${option.repeatable ? ' Repeatable.' : ''} |`;
  });
  return ['| Flag | Default | Unit | What it does |', '|---|---|---|---|', ...rows].join('\n');
}

type OptionName = keyof typeof OPTIONS;
type Given = Partial<Record<OptionName, string | string[]>>;

function settingsOf(given: Given): Settings {
  const scenario = one('scenario', given);
  const value = <K extends OptionName>(name: K): ReturnType<(typeof OPTIONS)[K]['parse']> => one(name, given, scenario);
  refuseTogether(given, 'reconnect', 'no-reconnect');
  refuseTogether(given, 'metrics-url', 'no-metrics');
  const duration = value('duration');
  const opened = given.rate === undefined ? scenario.openOver : undefined;
  const target = value('host');
  const named = many('metrics-url', given);
  return {
    target,
    scenario,
    duration,
    sockets: value('sockets'),
    rate: opened === undefined ? value('rate') : value('sockets') / (opened * duration),
    sendRate: value('send-rate'),
    messageBytes: value('message-bytes'),
    reconnect: given['no-reconnect'] === undefined ? value('reconnect') : 'never',
    backoffBase: value('backoff-base'),
    backoffMax: value('backoff-max'),
    connectTimeout: value('connect-timeout'),
    replyTimeout: value('reply-timeout'),
    headers: many('header', given),
    verifyCertificate: given.insecure === undefined,
    metricsUrls: given['no-metrics'] !== undefined ? [] : named.length > 0 ? named : [target.metricsUrl],
    metricsNamed: named.length > 0,
    assertions: many('assert', given),
    report: given.report === undefined ? undefined : value('report'),
    json: given.json !== undefined,
    processes: given.processes === undefined ? undefined : value('processes'),
    sourceAddresses: given['source-addresses'] === undefined ? undefined : value('source-addresses'),
    written: writtenOf(given, scenario),
  };
}

function parse(args: readonly string[]): Given {
  const options: ParseArgsOptionsConfig = {};
  for (const [name, { value, repeatable }] of entries())
    options[name] = { type: value === undefined ? 'boolean' : 'string', multiple: repeatable === true };
  try {
    const { values } = parseArgs({ args: [...args], options });
    return Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, typeof value === 'boolean' ? '' : value]),
    );
  } catch (error) {
    throw new UsageError(explain(error as Error & { code?: string }));
  }
}

function explain(error: Error & { code?: string }): string {
  const unknown = error.code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' ? /'(-[^']*)'/.exec(error.message)?.[1] : undefined;
  if (unknown === undefined)
    return `${error.message.split(/\. |\n/)[0]?.replace(/\.$/, '') ?? ''}; --help lists the flags.`;
  const names = Object.keys(OPTIONS);
  const [nearest = ''] = names.toSorted((a, b) => distance(a, unknown.slice(2)) - distance(b, unknown.slice(2)));
  return `${unknown} is not a flag${distance(nearest, unknown.slice(2)) <= 2 ? `: did you mean --${nearest}?` : '; --help lists them.'}`;
}

/** The value of a flag: as given, else as the scenario has it, else its default. */
function one<K extends OptionName>(
  name: K,
  given: Given,
  scenario?: Scenario,
): ReturnType<(typeof OPTIONS)[K]['parse']> {
  return parsed(name, rawOf(name, given, scenario)) as ReturnType<(typeof OPTIONS)[K]['parse']>;
}

function many<K extends OptionName>(name: K, given: Given): ReturnType<(typeof OPTIONS)[K]['parse']>[] {
  return [given[name] ?? []].flat().map((raw) => parsed(name, raw) as ReturnType<(typeof OPTIONS)[K]['parse']>);
}

function rawOf(name: OptionName, given: Given, scenario?: Scenario): string {
  const { fallback }: Option<unknown> = OPTIONS[name];
  const [raw = scenario?.defaults?.[name] ?? fallback ?? ''] = [given[name] ?? []].flat();
  return raw;
}

function parsed(name: OptionName, raw: string): unknown {
  try {
    return OPTIONS[name].parse(raw);
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`--${name} ${JSON.stringify(raw)} ${error.message}.`);
    throw error;
  }
}

function refuseTogether(given: Given, one: OptionName, other: OptionName): void {
  if (given[one] !== undefined && given[other] !== undefined)
    throw new UsageError(`--${one} and --${other} contradict each other: give one of them.`);
}

/** The flags that are in force, those with a value. */
function writtenOf(given: Given, scenario: Scenario): Record<string, string> {
  const written: Record<string, string> = {};
  for (const [name, { value }] of entries()) {
    const raw = [given[name] ?? []].flat().join(' ') || (value === undefined ? '' : rawOf(name, given, scenario));
    // Authorization headers are secrets, and reports are passed on.
    if (name === 'header') continue;
    if (given[name] !== undefined || raw !== '') written[name] = raw === '' ? 'true' : raw;
  }
  return written;
}

function entries(): [OptionName, Option<unknown>][] {
  return Object.entries(OPTIONS) as [OptionName, Option<unknown>][];
}

function flagText(name: string, { value }: Option<unknown>): string {
  return `--${name}${value === undefined ? '' : ` ${value}`}`;
}

function plain(markdown: string): string {
  return markdown.replaceAll('`', '');
}

function number(value: string, fallback: string, unit: string, min: number, max: number, doc: string): Option<number> {
  return { value, fallback, unit, doc, parse: (raw) => numberWithin(raw, /^\d+(\.\d+)?$/, min, max, 'a number') };
}

function integer(value: string, fallback: string, unit: string, min: number, max: number, doc: string): Option<number> {
  return { value, fallback, unit, doc, parse: (raw) => numberWithin(raw, /^\d+$/, min, max, 'a whole number') };
}

function numberWithin(raw: string, shape: RegExp, min: number, max: number, kind: string): number {
  const value = shape.test(raw) ? Number(raw) : NaN;
  if (!(value >= min && value <= max)) throw new RangeError(`must be ${kind} from ${min} to ${max}`);
  return value;
}

function scenarioNamed(raw: string): Scenario {
  const scenario = SCENARIOS.find(({ name }) => name === raw);
  if (scenario === undefined) throw new RangeError(`must be one of ${SCENARIOS.map(({ name }) => name).join(', ')}`);
  return scenario;
}

function policyNamed(raw: string): ReconnectPolicy {
  if (raw === 'backoff' || raw === 'immediately' || raw === 'never') return raw;
  throw new RangeError('must be backoff, immediately or never');
}

function headerLine(raw: string): string {
  // RFC 9110, section 5.5: no line ends in a field.
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*$/.test(raw)) throw new RangeError('must be a header line, Name: value');
  return raw;
}

function metricsUrl(raw: string): string {
  const url = URL.parse(raw);
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw new RangeError('must be a URL such as http://localhost:8080/metrics/');
  return url.href;
}

function sourceAddresses(raw: string): number | readonly string[] {
  if (/^\d+$/.test(raw)) return numberWithin(raw, /^\d+$/, 1, 250, 'a whole number');
  const addresses = raw.split(',').map((address) => address.trim());
  if (addresses.some((address) => isIP(address) === 0))
    throw new RangeError('must be a number from 1 to 250, or IP addresses with commas between');
  return addresses;
}
