import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { parseHttpUrl } from '../../lib/http-url.ts';
import { code, markdownTable } from '../../lib/markdown-table.ts';
import { outputFile, program } from '../../lib/program.ts';
import { redactedAddress } from '../../lib/redaction.ts';
import { VERSION } from '../../lib/version.ts';
import { parseAssertion } from './asserts.ts';
import { parseHeaderLines } from './header-lines.ts';
import type { ReconnectPolicy } from './plan.ts';
import type { Scenario } from './scenario.ts';
import { SCENARIOS } from './scenarios.ts';
import type { Settings } from './settings.ts';
import { parseTarget } from './target.ts';

/** One flag of the command line. */
interface Flag {
  /** As commander has it: `--sockets <N>`, or `--json` for a switch. */
  readonly flag: string;
  /** What it does, in a sentence or two. */
  readonly doc: string;
  /**
   * Reads a value, and the values before it of a flag that is repeatable.
   * @throws {RangeError} with the rule that was broken
   */
  readonly parse?: (raw: string, previous: never) => unknown;
  /** Value when it is not given, as one would write it. */
  readonly fallback?: string;
  readonly unit?: string;
  /** Value of a repeatable one when it is not given. */
  readonly empty?: unknown;
}

/** Longest timer of Node.js, 2^31-1 ms, in seconds. */
const MAX_SECONDS = 2_147_483;
const POLICIES = ['backoff', 'immediately', 'never'] as const;

/** Flags of the load test. From this table come the parser, `--help` and the table in docs/loadtest.md. */
const FLAGS: readonly Flag[] = [
  {
    flag: '--host <URL>',
    doc: 'Service to test, `ws://` or `wss://`; the path is `/ws/chat/` if it has none.',
    parse: parseTarget,
    fallback: 'ws://localhost:8080',
  },
  {
    flag: '--sockets <N>',
    doc: 'Sockets to open, each a session of its own.',
    parse: whole(1, 1_000_000),
    fallback: '100',
    unit: 'sockets',
  },
  {
    flag: '--rate <N>',
    doc: 'Connections opened a second.',
    parse: number(0.001, 100_000),
    fallback: '100',
    unit: 'connections/s',
  },
  {
    flag: '--duration <SECONDS>',
    doc: 'Length of the run, from the first connection to the last message.',
    parse: number(0.1, MAX_SECONDS),
    fallback: '60',
    unit: 'seconds',
  },
  {
    flag: '--send-rate <N>',
    doc: 'Messages a second for each socket, on schedule whether replies come or not. 0 sends nothing.',
    parse: number(0, 10_000),
    fallback: '1',
    unit: 'messages/s',
  },
  {
    flag: '--message-bytes <N>',
    doc: 'Length of a message.',
    parse: whole(1, 1_048_576),
    fallback: '16',
    unit: 'bytes',
  },
  {
    flag: '--scenario <NAME>',
    doc: 'Shape of the load; `--list-scenarios` prints the names. A scenario may change the defaults of other flags.',
    parse: scenarioNamed,
    fallback: 'steady',
  },
  { flag: '--list-scenarios', doc: 'Print the names of the scenarios, and exit.' },
  {
    flag: '--reconnect <POLICY>',
    doc: '`backoff`: after a bye or a refusal wait as long as it says, after any other loss back off with full jitter. `immediately`: as bad clients do. `never`: a lost socket stays lost.',
    parse: oneOf(POLICIES),
    fallback: 'backoff',
  },
  { flag: '--no-reconnect', doc: 'Short for `--reconnect never`.' },
  {
    flag: '--backoff-base <SECONDS>',
    doc: 'Bound of the first wait of a backoff; it doubles with each attempt.',
    parse: number(0, 3600),
    fallback: '0.5',
    unit: 'seconds',
  },
  {
    flag: '--backoff-max <SECONDS>',
    doc: 'Largest bound of a wait of a backoff.',
    parse: number(0, 3600),
    fallback: '30',
    unit: 'seconds',
  },
  {
    flag: '--connect-timeout <SECONDS>',
    doc: 'Time for a connection to open.',
    parse: number(0.01, 3600),
    fallback: '10',
    unit: 'seconds',
  },
  {
    flag: '--reply-timeout <SECONDS>',
    doc: 'Time for a reply: a connection that takes longer is given up as lost; at the end, a message that takes longer is lost.',
    parse: number(0.01, 3600),
    fallback: '10',
    unit: 'seconds',
  },
  {
    flag: '--header <LINE>',
    doc: 'Header line of the handshakes, `Name: value`; `Host` replaces the one that is there.',
    parse: each(String),
    empty: [],
  },
  {
    flag: '--ca <FILE>',
    doc: 'Certificates in PEM format that are trusted beside those of Node.js, for a `wss://` service of a private authority.',
    parse: readCertificates,
  },
  { flag: '--insecure', doc: 'Accept any certificate of a `wss://` service.' },
  {
    flag: '--metrics-url <URL>',
    doc: 'Metrics of an instance of the service, compared with what the clients saw. Behind a load balancer give one for each pod. `/metrics/` of the host if not given.',
    parse: each(metricsUrl),
    empty: [],
  },
  { flag: '--no-metrics', doc: 'Compare with no metrics.' },
  {
    flag: '--assert <RULE>',
    doc: 'Threshold that the run must keep, such as `p99<10ms`, `errors<0.1%`, `lost=0`; else the exit status is 1. The names are in docs/loadtest.md.',
    parse: each(parseAssertion),
    empty: [],
  },
  {
    flag: '--report <FILE>',
    doc: 'Write a page with plots and the verdict: one HTML file that needs no other.',
    parse: outputFile,
  },
  { flag: '--json', doc: 'Print the result as one JSON object on stdout; progress goes to stderr.' },
  {
    flag: '--processes <N>',
    doc: 'Processes that hold the sockets. If not given, half of the cores at most, one for up to 5,000 sockets, and more where the limit on open files asks for it.',
    parse: whole(1, 256),
    unit: 'processes',
  },
  {
    flag: '--source-addresses <N|LIST>',
    doc: 'Addresses to connect from, in turn: how many of 127.0.0.1, 127.0.0.2, ..., or a comma-separated list. If not given, one as long as its ports suffice, and as many as needed for a service on loopback.',
    parse: sourceAddresses,
  },
];

/** Exit statuses, with what each means. */
export const EXIT_STATUSES = {
  0: 'the run is good: every count right, the metrics agree, all assertions hold',
  1: 'it is not; the verdict says why. Or the report could not be written, though it could before the run',
  2: 'it could not begin: a wrong flag, or a host that does not answer',
  130: 'Ctrl-C ended it early, and so far it was good; a second Ctrl-C, a second or more later, leaves no report',
} as const;

/** A key of {@link EXIT_STATUSES}. */
export type ExitStatus = keyof typeof EXIT_STATUSES;

const HELP_AFTER = `
Examples:
  npm run loadtest -- --sockets 1000 --rate 10 --duration 300 --host ws://localhost:8080 --send-rate 0.1
  npm run loadtest -- --scenario reconnect-storm --report storm.html --assert lost=0 --assert 'p99<10ms'

Exit status:
${Object.entries(EXIT_STATUSES)
  .map(([status, meaning]) => `  ${status.padEnd(3)}  ${meaning}`)
  .join('\n')}`;

/** Reads the command line. Ends the process after `--help`, `--version` and a wrong flag. */
export function parseOptions(args: readonly string[]): Settings {
  const command: Command = program(
    'npm run loadtest --',
    'Opens WebSockets, sends messages on schedule, checks every count that it receives, and compares its totals with the metrics.',
  )
    .version(VERSION, '--version', 'Print the version, and exit.')
    .helpOption('--help', 'Print this help, and exit.')
    .addHelpText('after', HELP_AFTER);
  /** What was given, as it was written, by name. */
  const given = new Map<string, string>();
  for (const flag of FLAGS) {
    const option = optionOf(flag);
    const name = option.name();
    command.addOption(option).on(`option:${name}`, (raw?: string) => {
      const before = flag.empty === undefined ? undefined : given.get(name);
      given.set(name, [before ?? [], redactedAddress(raw ?? 'true')].flat().join(' '));
    });
  }
  command.parse(args, { from: 'user' });
  if (given.has('reconnect') && given.has('no-reconnect'))
    command.error("error: option '--reconnect <POLICY>' cannot be used with option '--no-reconnect'");
  const { openOver, defaults = {} } = command.opts<Settings>().scenario;
  for (const flag of FLAGS) {
    const option = optionOf(flag);
    const value = defaults[option.name()];
    if (value === undefined || given.has(option.name())) continue;
    command.setOptionValue(option.attributeName(), flag.parse?.(value, undefined as never));
    given.set(option.name(), value);
  }
  const settings = command.opts<
    Omit<Settings, 'reconnect' | 'header'> & { reconnect: ReconnectPolicy | false; header: readonly string[] }
  >();
  const { sockets, duration, rate, reconnect } = settings;
  let header: Settings['header'] = {};
  try {
    header = parseHeaderLines(settings.header);
  } catch (error) {
    // Not by commander, which repeats the value: it may be a secret.
    command.error(`error: option '--header <LINE>' is invalid. It ${(error as RangeError).message}.`);
  }
  return {
    ...{ json: false, insecure: false, listScenarios: false },
    ...settings,
    header,
    rate: openOver === undefined || given.has('rate') ? rate : sockets / (openOver * duration),
    reconnect: reconnect === false ? 'never' : reconnect,
    written: writtenOf(given),
  };
}

/** The options as a Markdown table. */
export function optionsTable(): string {
  return markdownTable(
    ['Flag', 'Default', 'Unit', 'What it does'],
    FLAGS.map(({ flag, fallback, unit = '', empty, doc }) => [
      code(flag.replace(/<(.*)>/, '$1')),
      fallback === undefined ? '' : code(fallback),
      unit,
      `${doc}${empty === undefined ? '' : ' Repeatable.'}`,
    ]),
  );
}

function optionOf({ flag, doc, parse, fallback, empty }: Flag): Option {
  const option = new Option(flag, doc.replaceAll('`', ''));
  const name = option.name();
  if (fallback !== undefined) option.default(parse?.(fallback, undefined as never), fallback);
  else if (empty !== undefined) option.default(empty, 'none');
  if (name === 'metrics-url') option.conflicts('metrics');
  if (parse !== undefined)
    option.argParser((raw, previous) => {
      try {
        return parse(raw, previous as never);
      } catch (error) {
        throw error instanceof RangeError ? new InvalidArgumentError(`It ${error.message}.`) : error;
      }
    });
  return option;
}

/** The flags that are in force, as one would write them. */
function writtenOf(given: ReadonlyMap<string, string>): Record<string, string> {
  const written: Record<string, string> = {};
  for (const { flag, fallback } of FLAGS) {
    const name = new Option(flag).name();
    const value = given.get(name) ?? fallback;
    // Authorization headers are secrets, and reports are passed on.
    if (value !== undefined && name !== 'header') written[name] = value;
  }
  return written;
}

function number(min: number, max: number, shape = /^\d+(\.\d+)?$/, kind = 'a number'): (raw: string) => number {
  return (raw) => {
    const value = shape.test(raw) ? Number(raw) : NaN;
    if (!(value >= min && value <= max)) throw new RangeError(`must be ${kind} from ${min} to ${max}`);
    return value;
  };
}

function whole(min: number, max: number): (raw: string) => number {
  return number(min, max, /^\d+$/, 'a whole number');
}

function oneOf(names: readonly string[]): (raw: string) => string {
  return (raw) => {
    if (!names.includes(raw)) throw new RangeError(`must be one of ${names.join(', ')}`);
    return raw;
  };
}

/** Of a repeatable flag: all values. */
function each<T>(parse: (raw: string) => T): (raw: string, previous: readonly T[]) => T[] {
  return (raw, previous) => [...previous, parse(raw)];
}

function scenarioNamed(raw: string): Scenario {
  const name = oneOf(SCENARIOS.map((scenario) => scenario.name))(raw);
  return SCENARIOS.find((scenario) => scenario.name === name) as Scenario;
}

function metricsUrl(raw: string): string {
  return parseHttpUrl(raw, 'http://localhost:8080/metrics/').href;
}

function readCertificates(path: string): string {
  let pem: string;
  try {
    pem = readFileSync(path, 'utf8');
  } catch (error) {
    throw new RangeError(`can not be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`);
  }
  try {
    const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? [];
    for (const block of blocks) new X509Certificate(block);
    if (blocks.length > 0) return blocks.join('\n');
  } catch {
    // Falls through: one that can't be read is as good as none.
  }
  throw new RangeError('must be a file with certificates in PEM format');
}

function sourceAddresses(raw: string): number | readonly string[] {
  if (/^\d+$/.test(raw)) return whole(1, 250)(raw);
  const addresses = raw.split(',').map((address) => address.trim());
  if (addresses.some((address) => isIP(address) === 0))
    throw new RangeError('must be a number from 1 to 250, or IP addresses with commas between');
  return addresses;
}
