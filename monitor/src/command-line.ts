import { InvalidArgumentError, Option, type Command } from 'commander';
import { parseHttpUrl } from '../../lib/http-url.ts';
import { program } from '../../lib/program.ts';

/** Exit statuses, with what each means. */
export const EXIT_STATUSES = {
  0: 'healthy: everything was watched and no problem was seen',
  1: 'problems were seen; the summary lists them',
  2: 'it could not watch: a wrong command line, or something that never answered or was still away at the end',
} as const;

/** A key of {@link EXIT_STATUSES}. */
export type ExitStatus = keyof typeof EXIT_STATUSES;

/** Environment variables that are read, with what each does. */
export const ENVIRONMENT = {
  KUBECONFIG: 'Kubeconfig files of a cluster, as kubectl reads them.',
  NO_COLOR: 'Any value turns colors off.',
} as const;

/** What to watch, for how long, and how to show it. A cluster is watched if one of its four flags is given. */
export interface Settings {
  /** Seconds to watch; 0 until it is interrupted. */
  readonly seconds: number;
  readonly url: URL;
  readonly logFile?: string;
  readonly namespace?: string;
  readonly release?: string;
  readonly context?: string;
  readonly kubeconfig?: string;
  /** Seconds between two metrics snapshots. */
  readonly interval: number;
  readonly warn: boolean;
  readonly json: boolean;
}

/** Longest timer of Node.js, 2^31-1 ms, in seconds. */
const MAX_SECONDS = 2_147_483;
const CLUSTER_FLAGS = ['namespace', 'release', 'context', 'kubeconfig'];

/** The command line, from which `--help` and the table in docs/monitor.md come too. */
export function commandLine(): Command {
  return program(
    'scripts/monitor.sh',
    'Watches the service and reports errors in its log, metrics and health as they happen.',
  )
    .argument('[seconds]', 'Time to watch; 0 is until Ctrl-C.', seconds, 60)
    .addOption(
      new Option('--url <url>', 'Local service to watch: `/healthz/`, `/readyz/` and `/metrics/` below its path.')
        .default(new URL('http://127.0.0.1:8080'), 'http://127.0.0.1:8080')
        .argParser(serviceUrl)
        .conflicts(CLUSTER_FLAGS),
    )
    .addOption(
      new Option(
        '--log-file <path>',
        'Log file of a local service, followed from its end through rotation and truncation. Without it, a pipe on standard input is the log.',
      ).conflicts(CLUSTER_FLAGS),
    )
    .option(
      '-n, --namespace <name>',
      "Namespace in a cluster; the kubeconfig context's own, or `default`, if not given.",
      dnsLabel,
    )
    .option(
      '-r, --release <name>',
      'Helm release in a cluster; every release of this chart in the namespace if not given.',
      dnsLabel,
    )
    .option('--context <name>', 'Context of the kubeconfig; its current one if not given.')
    .option(
      '--kubeconfig <path>',
      'Kubeconfig file; `KUBECONFIG`, then `~/.kube/config`, then the service account of the pod it runs in, if not given.',
    )
    .option('--interval <seconds>', 'Time between two metrics snapshots.', interval, 10)
    .option('--warn', 'Show WARN lines of the log too. They are only counted otherwise, and are no problems.', false)
    .option('--json', 'Print one JSON object a line; the last is the summary.', false)
    .addHelpText(
      'after',
      ['', 'Environment:', ...lines(ENVIRONMENT), '', 'Exit status:', ...lines(EXIT_STATUSES)].join('\n'),
    )
    .configureOutput({ writeErr: (text) => process.stderr.write(`monitor: ${text}`) });
}

/** Reads the command line. A wrong one ends the process with one sentence and status 2. */
export function readSettings(args: readonly string[]): Settings {
  const command = commandLine().parse(args, { from: 'user' });
  return { ...command.opts<Omit<Settings, 'seconds'>>(), seconds: command.processedArgs[0] as number };
}

/** Whether one of the cluster's flags is given. */
export function watchesCluster(settings: Settings): boolean {
  return CLUSTER_FLAGS.some((flag) => flag in settings);
}

/** An address of the service, with the path that its own paths begin with. */
function serviceUrl(text: string): URL {
  try {
    const url = parseHttpUrl(text, 'http://127.0.0.1:8080');
    if (url.search !== '' || url.hash !== '') throw new RangeError('must not have a query or a fragment');
    // People paste the address of one of its pages.
    url.pathname = url.pathname.replace(/(\/(healthz|readyz|metrics))?\/*$/, '/');
    return url;
  } catch (error) {
    throw new InvalidArgumentError(`It ${(error as Error).message}.`);
  }
}

function seconds(text: string): number {
  return Number(text) === 0 && text !== '' ? 0 : interval(text);
}

function interval(text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (!(value >= 0.1 && value <= MAX_SECONDS))
    throw new InvalidArgumentError(`It must be a number of seconds from 0.1 to ${MAX_SECONDS}.`);
  return value;
}

/** RFC 1123 label: what Kubernetes takes for a namespace and Helm for a release. */
function dnsLabel(text: string): string {
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text))
    throw new InvalidArgumentError('It must be lower-case letters, digits and dashes, at most 63.');
  return text;
}

function lines(rows: Readonly<Record<string, string>>): string[] {
  return Object.entries(rows).map(([name, meaning]) => `  ${name.padEnd(12)}${meaning}`);
}
