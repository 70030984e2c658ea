import { styleText } from 'node:util';
import type { CountedProblem, Gap, MonitorEvent, Problem, Summary, Totals } from './events.ts';
import type { LogRecord } from './log-lines.ts';
import type { Snapshot } from './metrics.ts';

type Color = Parameters<typeof styleText>[0];
type SummaryEvent = Extract<MonitorEvent, { type: 'summary' }>;

/** An event for people: a line, or several for the summary. Colors follow the terminal and `NO_COLOR`. */
export function textLines(event: MonitorEvent, at = new Date()): string {
  if (event.type === 'summary') return summaryText(event);
  const [tag, color, text] = describe(event);
  return `${clock(at)}  ${paint(color, tag.padEnd(8))}  ${printable(event.source)}: ${printable(text)}`;
}

function describe(event: Exclude<MonitorEvent, SummaryEvent>): [tag: string, color: Color, text: string] {
  switch (event.type) {
    case 'problem':
      return [event.line?.level ?? 'PROBLEM', 'red', problemText(event)];
    case 'repeated':
      return ['PROBLEM', 'red', `${integer(event.count)} more of: ${event.message}`];
    case 'log':
      return [event.line.level ?? 'WARN', 'yellow', recordText(event.line)];
    case 'notice':
      return ['note', 'cyan', event.message];
    case 'snapshot':
      return ['metrics', 'green', snapshotText(event)];
  }
}

function summaryText(summary: Summary): string {
  const { problems, otherProblems, gaps, missing, log, totals } = summary;
  const levels = Object.entries(log.byLevel).map(([level, count]) => `${level} ${integer(count)}`);
  const open = gaps.filter(({ until }) => until === null).map(({ part }) => part);
  return [
    '',
    paint(summary.exitStatus === 0 ? 'green' : 'red', headline(summary)),
    ...problems.map(countedProblemText),
    ...(otherProblems > 0 ? [`  and ${integer(otherProblems)} more of other kinds`] : []),
    ...gaps.map(gapText),
    ...missing.filter((part) => !open.includes(part)).map((part) => `  never watched: ${printable(part)}`),
    `  log: ${plural(log.lines, 'line')} read${levels.length > 0 ? ` (${levels.join(', ')})` : ''}`,
    `  metrics: ${totals === null ? 'no two scrapes to compare' : totalsText(totals)}`,
  ].join('\n');
}

function headline({ status, problems, otherProblems, exitStatus, ending, watchedSeconds }: Summary): string {
  const count = plural(problems.length + otherProblems, 'problem');
  const verdict = status === 'healthy' ? status : status === 'problems' ? count : 'could not watch';
  const interrupted = ending === 'interrupted' ? ', interrupted' : '';
  return `Summary: ${verdict} (watched ${watchedSeconds.toFixed(1)} s${interrupted}; exit status ${exitStatus})`;
}

function problemText({ message, detail, line }: Problem): string {
  if (line !== undefined) return recordText(line);
  return detail === undefined ? message : `${message}: ${detail}`;
}

/** Fields that a line of text shows first, or that say nothing new beside them. */
const SHOWN_FIELDS = ['timestamp', 'level', 'logger', 'event', 'message', 'service', 'environment'];

function recordText(record: LogRecord): string {
  const fields = Object.entries(record)
    .filter(([key]) => !SHOWN_FIELDS.includes(key))
    .map(([key, value]) => `${key}=${fieldText(value)}`);
  const head = [record['logger'], record.event].filter((part) => typeof part === 'string').join(' ');
  return [head === '' ? record.message : `${head}: ${record.message}`, ...fields].join('  ');
}

/** The value of a field, cut; of an error without its stack. */
function fieldText(value: unknown): string {
  const isError = typeof value === 'object' && value !== null && 'name' in value && 'message' in value;
  const shown = isError ? `${String(value.name)}: ${String(value.message)}` : value;
  const text = typeof shown === 'string' ? shown : JSON.stringify(shown);
  const cut = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  return typeof shown === 'string' && /[\s"=]/.test(cut) ? JSON.stringify(cut) : cut;
}

function snapshotText(snapshot: Snapshot): string {
  const { health, pods, state, drainSeconds, connections, connectionsLimit } = snapshot;
  const parts = pods === undefined ? [] : [plural(pods, 'pod')];
  if (health !== undefined) {
    parts.push(health.ready ? 'ready' : `not ready (${health.status})`, `restarts ${health.restarts}`);
    if (health.lastTermination !== null) parts.push(`last ended: ${health.lastTermination}`);
  }
  if (state === 'unknown') return [...parts, 'no metrics'].join(' · ');
  return [
    ...parts,
    `${optional(integer, connections)} of ${optional(integer, connectionsLimit)} connections`,
    `${rate(snapshot.messagesPerSecond)} messages/s`,
    `${errorsText(snapshot)} errors/s`,
    ...(state === 'draining' ? [`draining for ${drainSeconds.toFixed(1)} s`] : health ? [] : [state]),
    `${optional(mebibytes, snapshot.memoryBytes)} MiB`,
  ].join(' · ');
}

function errorsText({ errorsPerSecond }: Snapshot): string {
  if (errorsPerSecond === null) return '-';
  const types = Object.entries(errorsPerSecond);
  const total = types.reduce((sum, [, each]) => sum + each, 0);
  return types.length === 0
    ? '0'
    : `${rate(total)} (${types.map(([type, each]) => `${type} ${rate(each)}`).join(', ')})`;
}

function countedProblemText({ source, message, detail, level, count, first, last }: CountedProblem): string {
  const when = count === 1 ? `at ${clock(first)}` : `${integer(count)} times, ${clock(first)} to ${clock(last)}`;
  const text = `${level === undefined ? '' : `${level} `}${message}${detail === undefined ? '' : `: ${detail}`}`;
  return printable(`  problem: ${source}: ${text} (${when})`);
}

function gapText({ part, reason, since, until }: Gap): string {
  return printable(`  gap: ${part}, ${clock(since)} to ${until === null ? 'the end' : clock(until)}: ${reason}`);
}

function totalsText(totals: Totals): string {
  const errors = Object.entries(totals.errors).map(([type, count]) => `${type} ${integer(count)}`);
  return [
    `${integer(totals.messages)} messages (${rate(totals.messagesPerSecond)}/s)`,
    `${integer(totals.opened)} connections opened, ${integer(totals.closed)} closed`,
    errors.length === 0 ? 'no errors' : `errors: ${errors.join(', ')}`,
  ].join(' · ');
}

/** What comes from a log must not steer the terminal: control characters are shown, not sent. */
function printable(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

function paint(color: Color, text: string): string {
  return styleText(color, text, { stream: process.stdout });
}

function clock(at: Date): string {
  return at.toTimeString().slice(0, 8);
}

function plural(count: number, noun: string): string {
  return `${integer(count)} ${noun}${count === 1 ? '' : 's'}`;
}

function integer(value: number): string {
  return Math.round(value).toLocaleString('en-GB');
}

function rate(value: number | null): string {
  if (value === null) return '-';
  return value >= 100 ? integer(value) : value.toFixed(value > 0 && value < 0.1 ? 2 : 1);
}

function mebibytes(bytes: number): string {
  return (bytes / 1_048_576).toFixed(1);
}

function optional(format: (value: number) => string, value: number | null): string {
  return value === null ? '-' : format(value);
}
