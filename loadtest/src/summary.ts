import type { Quantiles } from './quantiles.ts';
import type { Result } from './result.ts';
import { rangeText } from './verdict.ts';

/** The result for people who read a terminal. */
export function summarize(result: Result): string {
  const { verdict, assertions } = result;
  return [
    '',
    ...figures(result),
    ...metricsLines(result),
    ...assertions.map(({ assertion, passed, found }) =>
      field('assert', `${passed ? 'holds' : 'FAILS'}  ${assertion}  (${found})`),
    ),
    ...verdict.warnings.map((warning) => field('warning', warning)),
    ...verdict.failures.map((failure) => field('failure', failure)),
    field('verdict', verdict.passed ? 'PASSED' : 'FAILED'),
    '',
  ].join('\n');
}

function figures({ sockets, messages, latency, errors, counts, client, durationSeconds }: Result): string[] {
  const opened =
    sockets.openedAllAfterMs === null ? '' : `, all after ${(sockets.openedAllAfterMs / 1000).toFixed(1)} s`;
  return [
    field(
      'sockets',
      `${whole(sockets.everOpen)} of ${whole(sockets.openable)} opened${opened}; ${whole(sockets.reconnects)} reconnects`,
    ),
    field('closes', byKey(sockets.closes)),
    field(
      'messages',
      `${whole(messages.sent)} sent, ${whole(messages.replied)} answered in ${durationSeconds.toFixed(1)} s (${whole(messages.perSecond)}/s), ${whole(messages.missed)} missed, ${whole(messages.unansweredAtDisconnect)} unanswered at a disconnect`,
    ),
    field('reply', times(latency.reply)),
    field('connect', times(latency.connect)),
    ...(latency.away.max === null ? [] : [field('away', times(latency.away))]),
    field(
      'errors',
      errors.total === 0
        ? 'none'
        : `${whole(errors.total)} (${(errors.ratio * 100).toPrecision(3)} %): ${byKey(errors.byKind)}`,
    ),
    field(
      'counts',
      counts.violations === 0
        ? 'every count right'
        : `${whole(counts.violations)} told wrongly, ${whole(counts.lost)} lost: ${byKey(counts.byKind)}`,
    ),
    field(
      'own cost',
      `${client.cpuSeconds.toFixed(1)} s of CPU in ${client.processes} process${client.processes === 1 ? '' : 'es'}${client.cpuMicrosPerMessage === null ? '' : `, ${client.cpuMicrosPerMessage.toFixed(1)} µs a message`}; event loop late by ${time(client.loopDelayMs.p99)} (p99), ${time(client.loopDelayMs.max)} (max)`,
    ),
  ];
}

function metricsLines({ metrics }: Result): string[] {
  if (!metrics.compared) return [];
  if (metrics.differences === 0)
    return [
      field('metrics', `agree: ${metrics.rows.map(({ what, service }) => `${what} ${service ?? 0}`).join(', ')}`),
    ];
  return metrics.rows.map(({ what, clients, service, same }) =>
    field(
      'metrics',
      `${same ? 'same   ' : 'DIFFERS'} ${what}: clients ${rangeText(clients)}, service ${service ?? 'none'}`,
    ),
  );
}

function field(name: string, text: string): string {
  return `${name.padEnd(10)}${text}`;
}

function times(quantiles: Quantiles): string {
  if (quantiles.max === null) return 'none';
  return Object.entries(quantiles as unknown as Record<string, number | null>)
    .map(([name, value]) => `${name} ${time(value)}`)
    .join('  ');
}

/** A time for people: three digits. */
export function time(ms: number | null): string {
  if (ms === null) return '-';
  return ms >= 1000 ? `${(ms / 1000).toPrecision(3)} s` : `${ms < 1 ? ms.toFixed(2) : ms.toPrecision(3)} ms`;
}

/** A whole number for people, with commas. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en-GB');
}

function byKey(sums: Readonly<Record<string, number>>): string {
  const parts = Object.entries(sums)
    .toSorted(([, a], [, b]) => b - a)
    .map(([key, count]) => `${key} × ${whole(count)}`);
  return parts.length === 0 ? 'none' : parts.join(', ');
}
