import { styleText } from 'node:util';
import type { MonitorEvent, Problem } from './events.ts';
import type { LogRecord } from './log-record.ts';
import type { Writer } from './report.ts';
import type { Health, Snapshot } from './snapshot.ts';
import type { Gap } from './coverage.ts';
import type { CountedProblem, Summary, Totals } from './summary.ts';

type Colour = Parameters<typeof styleText>[0];

/** Prints events for people: a line each, and a summary of several. */
export class TextWriter implements Writer {
  readonly #print: (line: string) => void;
  readonly #colours: boolean;

  constructor(print: (line: string) => void, colours: boolean) {
    this.#print = print;
    this.#colours = colours;
  }

  write(event: MonitorEvent, at: Date): void {
    switch (event.type) {
      case 'problem':
        this.#line(at, event.line?.level ?? 'PROBLEM', 'red', event.source, problemText(event));
        break;
      case 'repeated':
        this.#line(at, 'PROBLEM', 'red', event.source, `${integer(event.count)} more of: ${event.message}`);
        break;
      case 'log':
        this.#line(at, event.line.level ?? 'WARN', 'yellow', event.source, recordText(event.line));
        break;
      case 'notice':
        this.#line(at, 'note', 'cyan', event.source, event.message);
        break;
      case 'snapshot':
        this.#line(at, 'metrics', 'green', event.source, snapshotText(event));
        break;
      case 'summary':
        this.#summary(event);
    }
  }

  #line(at: Date, tag: string, colour: Colour, source: string, text: string): void {
    this.#print(`${clock(at)}  ${this.#paint(colour, tag.padEnd(8))}  ${printable(source)}: ${printable(text)}`);
  }

  #summary(summary: Summary): void {
    const colour = summary.exitStatus === 0 ? 'green' : 'red';
    const lines = [
      '',
      this.#paint(colour, headline(summary)),
      ...summary.problems.map(countedProblemText),
      ...(summary.otherProblems > 0 ? [`  and ${integer(summary.otherProblems)} more of other kinds`] : []),
      ...summary.gaps.map(gapText),
      ...neverWatched(summary).map((part) => `  never watched: ${part}`),
      `  log: ${logText(summary)}`,
      `  metrics: ${summary.totals === null ? 'no two scrapes to compare' : totalsText(summary.totals)}`,
    ];
    for (const line of lines) this.#print(line);
  }

  #paint(colour: Colour, text: string): string {
    return this.#colours ? styleText(colour, text, { validateStream: false }) : text;
  }
}

function headline({ status, problems, otherProblems, exitStatus, ending, watchedSeconds }: Summary): string {
  const count = problems.length + otherProblems;
  const verdict = {
    healthy: 'healthy',
    problems: `${integer(count)} problem${count === 1 ? '' : 's'}`,
    not_watched: 'could not watch',
  }[status];
  const time = `${watchedSeconds.toFixed(1)} s${ending === 'interrupted' ? ', interrupted' : ''}`;
  return `Summary: ${verdict} (watched ${time}; exit status ${exitStatus})`;
}

function problemText({ message, detail, line }: Problem): string {
  if (line !== undefined) return recordText(line);
  return detail === undefined ? message : `${message}: ${detail}`;
}

/** Fields that a line of text shows first, or that say nothing new beside them. */
const SHOWN_FIELDS: ReadonlySet<string> = new Set([
  'timestamp',
  'level',
  'logger',
  'event',
  'message',
  'service',
  'environment',
]);

function recordText(record: LogRecord): string {
  const fields = Object.entries(record)
    .filter(([key]) => !SHOWN_FIELDS.has(key))
    .map(([key, value]) => `${key}=${fieldText(value)}`);
  const head = [record.logger, record.event].filter((part) => part !== undefined).join(' ');
  return [head === '' ? record.message : `${head}: ${record.message}`, ...fields].join('  ');
}

function fieldText(value: unknown): string {
  const shown = errorText(value) ?? value;
  const text = typeof shown === 'string' ? shown : JSON.stringify(shown);
  const cut = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  return typeof shown === 'string' && /[\s"=]/.test(cut) ? JSON.stringify(cut) : cut;
}

/** An error without its stack, which is too long for a line. */
function errorText(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('name' in value) || !('message' in value)) return undefined;
  return `${String(value.name)}: ${String(value.message)}`;
}

function snapshotText(snapshot: Snapshot): string {
  const { health, pods, state } = snapshot;
  const draining = state === 'draining' ? [`draining for ${snapshot.drainSeconds.toFixed(1)} s`] : [];
  const inPod = health !== undefined && health.restarts !== null;
  const metrics = [
    connectionsText(snapshot),
    `${rate(snapshot.messagesPerSecond)} messages/s`,
    `${errorsText(snapshot)} errors/s`,
    `p99 ${milliseconds(snapshot.handlingP99Ms)}`,
    ...(state === 'draining' ? draining : inPod ? [] : [state]),
    memoryText(snapshot),
  ];
  return [
    ...(pods === undefined ? [] : [`${pods} pod${pods === 1 ? '' : 's'}`]),
    ...(health === undefined ? [] : healthParts(health)),
    ...(state === 'unknown' ? ['no metrics'] : metrics),
  ].join(' · ');
}

function healthParts({ ready, status, restarts, lastTermination }: Health): string[] {
  // A local service: its state stands among the metrics.
  if (restarts === null) return [];
  const last = lastTermination === null ? [] : [`last ended: ${lastTermination}`];
  return [`${ready ? 'ready' : `not ready (${status})`}, restarts ${restarts}`, ...last];
}

function connectionsText({ connections, connectionsChange, connectionsLimit }: Snapshot): string {
  if (connections === null) return '- connections';
  const change = connectionsChange === null ? '' : ` (${signed(integer, connectionsChange)})`;
  return `${integer(connections)}${change} of ${connectionsLimit === null ? '?' : integer(connectionsLimit)} connections`;
}

function errorsText({ errorsPerSecond }: Snapshot): string {
  if (errorsPerSecond === null) return '-';
  const types = Object.entries(errorsPerSecond);
  if (types.length === 0) return '0';
  const total = types.reduce((sum, [, each]) => sum + each, 0);
  return `${rate(total)} (${types.map(([type, each]) => `${type} ${rate(each)}`).join(', ')})`;
}

function memoryText({ memoryBytes, memoryChangeBytes }: Snapshot): string {
  if (memoryBytes === null) return '- MiB';
  return `${mebibytes(memoryBytes)} MiB${memoryChangeBytes === null ? '' : ` (${signed(mebibytes, memoryChangeBytes)})`}`;
}

function countedProblemText({ source, message, detail, level, count, first, last }: CountedProblem): string {
  const when = count === 1 ? `at ${clock(first)}` : `${integer(count)} times, ${clock(first)} to ${clock(last)}`;
  const text = `${level === undefined ? '' : `${level} `}${message}${detail === undefined ? '' : `: ${detail}`}`;
  return printable(`  problem: ${source}: ${text} (${when})`);
}

function gapText({ part, reason, since, until }: Gap): string {
  return printable(`  gap: ${part}, ${clock(since)} to ${until === null ? 'the end' : clock(until)}: ${reason}`);
}

/** Parts that no gap tells of: nothing was ever seen of them. */
function neverWatched({ missing, gaps }: Summary): string[] {
  return missing.filter((part) => !gaps.some((gap) => gap.part === part && gap.until === null));
}

function logText({ log }: Summary): string {
  const levels = Object.entries(log.byLevel).map(([level, count]) => `${level} ${integer(count)}`);
  return `${integer(log.lines)} line${log.lines === 1 ? '' : 's'} read${levels.length > 0 ? ` (${levels.join(', ')})` : ''}`;
}

function totalsText(totals: Totals): string {
  const errors = Object.entries(totals.errors).map(([type, count]) => `${type} ${integer(count)}`);
  return [
    `${integer(totals.messages)} messages (${rate(totals.messagesPerSecond)}/s)`,
    `${integer(totals.opened)} connections opened, ${integer(totals.closed)} closed, at most ${optional(integer, totals.peakConnections)} at a snapshot`,
    errors.length === 0 ? 'no errors' : `errors: ${errors.join(', ')}`,
    `p99 ${milliseconds(totals.handlingP99Ms)}`,
    `memory ${optional(mebibytes, totals.memoryBytes)} MiB, at most ${optional(mebibytes, totals.peakMemoryBytes)} MiB`,
  ].join(' · ');
}

/** What comes from a log must not steer the terminal: control characters are shown, not sent. */
function printable(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

function clock(at: Date): string {
  return at.toTimeString().slice(0, 8);
}

function integer(value: number): string {
  return Math.round(value).toLocaleString('en-GB');
}

function rate(value: number | null): string {
  if (value === null) return '-';
  return value >= 100 ? integer(value) : value.toFixed(value > 0 && value < 0.1 ? 2 : 1);
}

function milliseconds(value: number | null): string {
  return value === null ? '-' : `${value >= 10 ? value.toFixed(0) : value.toFixed(2)} ms`;
}

function mebibytes(bytes: number): string {
  return (bytes / 1_048_576).toFixed(1);
}

function signed(format: (value: number) => string, value: number): string {
  return value < 0 ? `-${format(-value)}` : `+${format(value)}`;
}

function optional(format: (value: number) => string, value: number | null): string {
  return value === null ? '?' : format(value);
}
