import { isIP } from 'node:net';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { program } from '../../lib/program.ts';
import { VERSION } from '../../lib/version.ts';
import { parseAssertion, type Assertion } from './asserts.ts';
import type { ReconnectPolicy } from './plan.ts';
import type { Scenario } from './scenario.ts';
import { SCENARIOS } from './scenarios.ts';
import type { Settings } from './settings.ts';
import { parseTarget, type Target } from './target.ts';

/** One flag of the command line. */
interface Flag {
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
  readonly parse?: (raw: string) => unknown;
}

/** Longest timer of Node.js, 2^31-1 ms, in seconds. */
const MAX_SECONDS = 2_147_483;

/** Flags of the load test. From this table come the parser, `--help` and the table in docs/loadtest.md. */
const FLAGS = {
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
    doc: 'Shape of the load; `--list-scenarios` prints the names. A scenario may change the defaults of other flags.',
    parse: scenarioNamed,
  },
  'list-scenarios': { doc: 'Print the names of the scenarios, and exit.' },
  reconnect: {
    value: 'POLICY',
    fallback: 'backoff',
    doc: '`backoff`: after a bye or a refusal wait as long as it says, after any other loss back off with full jitter. `immediately`: as bad clients do. `never`: a lost socket stays lost.',
    parse: policyNamed,
  },
  'no-reconnect': { doc: 'Short for `--reconnect never`.' },
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
  header: { value: 'LINE', repeatable: true, doc: 'Header line of the handshakes, `Name: value`.', parse: headerLine },
  insecure: { doc: 'Accept any certificate of a `wss://` service.' },
  'metrics-url': {
    value: 'URL',
    repeatable: true,
    doc: 'Metrics of an instance of the service, compared with what the clients saw. Behind a load balancer give one for each pod. `/metrics/` of the host if not given.',
    parse: metricsUrl,
  },
  'no-metrics': { doc: 'Compare with no metrics.' },
  assert: {
    value: 'RULE',
    repeatable: true,
    doc: 'Threshold that the run must keep, such as `p99<10ms`, `errors<0.1%`, `lost=0`; else the exit status is 1. The names are in docs/loadtest.md.',
    parse: parseAssertion,
  },
  report: {
    value: 'FILE',
    doc: 'Write a page with plots and the verdict: one HTML file that needs no other.',
  },
  json: { doc: 'Print the result as one JSON object on stdout; progress goes to stderr.' },
  processes: integer(
    'N',
    undefined,
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
} as const satisfies Record<string, Flag>;

/** Exit statuses, with what each means. */
export const EXIT_STATUSES = {
  0: 'the run is good: every count right, the metrics agree, all assertions hold',
  1: 'it is not; the verdict says why',
  2: 'it could not begin: a wrong flag, or a host that does not answer',
  130: 'Ctrl-C ended it early, and so far it was good; a second Ctrl-C, a second or more later, leaves no report',
} as const;

/** A key of {@link EXIT_STATUSES}. */
export type ExitStatus = keyof typeof EXIT_STATUSES;

/** What commander makes of the flags. */
interface Given {
  readonly host: Target;
  readonly sockets: number;
  readonly rate: number;
  readonly duration: number;
  readonly sendRate: number;
  readonly messageBytes: number;
  readonly scenario: Scenario;
  readonly listScenarios?: true;
  /** `false` is `--no-reconnect`. */
  readonly reconnect: ReconnectPolicy | false;
  readonly backoffBase: number;
  readonly backoffMax: number;
  readonly connectTimeout: number;
  readonly replyTimeout: number;
  readonly header?: readonly (readonly [string, string])[];
  readonly insecure?: true;
  readonly metricsUrl?: readonly string[];
  /** `false` is `--no-metrics`. */
  readonly metrics: boolean;
  readonly assert?: readonly Assertion[];
  readonly report?: string;
  readonly json?: true;
  readonly processes?: number;
  readonly sourceAddresses?: number | readonly string[];
}

/**
 * Reads the command line. Ends the process after `--help`, `--version` and a wrong flag.
 * @returns `scenarios` if it asks for their names
 */
export function parseOptions(args: readonly string[]): Settings | 'scenarios' {
  const { command, raw } = commandLine();
  command.parse(args, { from: 'user' });
  if (command.opts<Given>().listScenarios === true) return 'scenarios';
  if (raw.has('reconnect') && raw.has('no-reconnect'))
    command.error("error: option '--reconnect <POLICY>' cannot be used with option '--no-reconnect'");
  const { scenario } = command.opts<Given>();
  for (const [name, value] of Object.entries(scenario.defaults ?? {})) {
    if (raw.has(name)) continue;
    command.setOptionValue(camelCase(name), parseFlag(name, value));
    raw.set(name, [value]);
  }
  return settingsOf(command.opts<Given>(), raw);
}

/** The options as a Markdown table. */
export function optionsTable(): string {
  const rows = flags().map(([name, { value, fallback, unit = '', repeatable, doc }]) => {
    const written = `--${name}${value === undefined ? '' : ` ${value.replace('|', '\\|')}`}`;
    const initial = fallback === undefined ? '' : `\`${fallback}\``;
    return `| \`${written}\` | ${initial} | ${unit} | ${doc}${repeatable ? ' Repeatable.' : ''} |`;
  });
  return ['| Flag | Default | Unit | What it does |', '|---|---|---|---|', ...rows].join('\n');
}

/** The parser, and what it was given, as it was written, by name. */
function commandLine(): { command: Command; raw: Map<string, string[]> } {
  const raw = new Map<string, string[]>();
  const command = program(
    'npm run loadtest --',
    'Opens WebSockets, sends messages on schedule, checks every count that it receives, and compares its totals with the metrics.',
  )
    .version(VERSION, '--version', 'Print the version, and exit.')
    .helpOption('--help', 'Print this help, and exit.')
    .addHelpText(
      'after',
      [
        '',
        'Examples:',
        '  npm run loadtest -- --sockets 1000 --rate 10 --duration 300 --host ws://localhost:8080 --send-rate 0.1',
        "  npm run loadtest -- --scenario reconnect-storm --report storm.html --assert lost=0 --assert 'p99<10ms'",
        '',
        'Exit status:',
        ...Object.entries(EXIT_STATUSES).map(([status, meaning]) => `  ${status.padEnd(3)}  ${meaning}`),
      ].join('\n'),
    );
  for (const [name, { value, fallback, repeatable, doc }] of flags()) {
    const option = new Option(`--${name}${value === undefined ? '' : ` <${value}>`}`, doc.replaceAll('`', ''));
    if (fallback !== undefined) option.default(parseFlag(name, fallback), fallback);
    if (name === 'metrics-url') option.conflicts('metrics');
    if (value !== undefined)
      option.argParser<unknown>((written, previous) => {
        const parsed = parseFlag(name, written);
        const all = repeatable ? [...(raw.get(name) ?? []), written] : [written];
        raw.set(name, all);
        return repeatable ? [...((previous ?? []) as unknown[]), parsed] : parsed;
      });
    else command.on(`option:${name}`, () => raw.set(name, ['true']));
    command.addOption(option);
  }
  return { command, raw };
}

function settingsOf(given: Given, raw: ReadonlyMap<string, readonly string[]>): Settings {
  const { host, scenario, sockets, duration, reconnect, metrics, metricsUrl = [host.metricsUrl] } = given;
  const openOver = raw.has('rate') ? undefined : scenario.openOver;
  const headers: Record<string, string[]> = {};
  for (const [name, value] of given.header ?? []) (headers[name] ??= []).push(value);
  return {
    target: host,
    scenario,
    duration,
    sockets,
    rate: openOver === undefined ? given.rate : sockets / (openOver * duration),
    sendRate: given.sendRate,
    messageBytes: given.messageBytes,
    reconnect: reconnect === false ? 'never' : reconnect,
    backoffBase: given.backoffBase,
    backoffMax: given.backoffMax,
    connectTimeout: given.connectTimeout,
    replyTimeout: given.replyTimeout,
    headers,
    verifyCertificate: given.insecure !== true,
    metricsUrls: metrics ? metricsUrl : [],
    metricsNamed: given.metricsUrl !== undefined,
    assertions: given.assert ?? [],
    report: given.report,
    json: given.json === true,
    processes: given.processes,
    sourceAddresses: given.sourceAddresses,
    written: writtenOf(raw),
  };
}

/** The flags that are in force. */
function writtenOf(raw: ReadonlyMap<string, readonly string[]>): Record<string, string> {
  const written: Record<string, string> = {};
  for (const [name, { fallback }] of flags()) {
    const value = raw.get(name)?.join(' ') ?? fallback;
    // Authorization headers are secrets, and reports are passed on.
    if (value !== undefined && name !== 'header') written[name] = value;
  }
  return written;
}

function flags(): [string, Flag][] {
  return Object.entries(FLAGS);
}

function parseFlag(name: string, raw: string): unknown {
  const { parse }: Flag = FLAGS[name as keyof typeof FLAGS];
  try {
    return parse === undefined ? raw : parse(raw);
  } catch (error) {
    throw error instanceof RangeError ? new InvalidArgumentError(`It ${error.message}.`) : error;
  }
}

function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_match, letter: string) => letter.toUpperCase());
}

function number(
  value: string,
  fallback: string | undefined,
  unit: string,
  min: number,
  max: number,
  doc: string,
): Flag {
  const parse = (raw: string): number => numberWithin(raw, /^\d+(\.\d+)?$/, min, max, 'a number');
  return { value, ...(fallback !== undefined && { fallback }), unit, doc, parse };
}

function integer(
  value: string,
  fallback: string | undefined,
  unit: string,
  min: number,
  max: number,
  doc: string,
): Flag {
  const parse = (raw: string): number => numberWithin(raw, /^\d+$/, min, max, 'a whole number');
  return { ...number(value, fallback, unit, min, max, doc), parse };
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

function headerLine(raw: string): [string, string] {
  // RFC 9110, section 5.5: no line ends in a field.
  const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*)$/.exec(raw) ?? [];
  if (name === undefined || value === undefined) throw new RangeError('must be a header line, Name: value');
  return [name, value];
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
