import { readFileSync } from 'node:fs';
import { escapeHtml, htmlPage, list, row, section } from './html.ts';
import type { Result } from './result.ts';
import { time, whole } from './summary.ts';
import type { Quantiles } from './quantiles.ts';
import { rangeText } from './verdict.ts';

/**
 * The report: one HTML page with plots and verdict, which loads nothing from anywhere; its Content-Security-Policy
 * forbids it to.
 */
export function renderReport(result: Result): string {
  const title = `Load test ${result.settings['scenario'] ?? ''} of ${result.settings['host'] ?? ''}`;
  return htmlPage({
    title,
    body: `${head(result, title)}
${tiles(result)}
<h2>Over time</h2>
<div class="plots" id="plots"></div>
${tables(result)}`,
    data: result,
    script: readFileSync(new URL('../page/report.js', import.meta.url), 'utf8'),
  });
}

function head({ verdict, startedAt, durationSeconds, version }: Result, title: string): string {
  const word = verdict.passed ? 'passed' : 'failed';
  return `<header><h1>${escapeHtml(title)}</h1><span class="badge ${word}">${word}</span>
<p>${escapeHtml(startedAt)}, ${durationSeconds.toFixed(1)} s, version ${escapeHtml(version)}</p></header>
${list('failures', verdict.failures)}
${list('warnings', verdict.warnings)}`;
}

function tiles({ sockets, messages, latency, errors, counts, metrics }: Result): string {
  const all: readonly (readonly [string, string, boolean])[] = [
    [whole(sockets.peakOpen), 'sockets open at most', false],
    [`${whole(messages.perSecond)}/s`, 'messages answered', false],
    [time(latency.reply.p50), 'p50 of replies', false],
    [time(latency.reply.p99), 'p99 of replies', false],
    [time(latency.reply['p99.9']), 'p99.9 of replies', false],
    [whole(errors.total), 'errors', errors.total > 0],
    [whole(counts.lost), 'counts lost', counts.lost > 0],
    [whole(counts.violations), 'counts told wrongly', counts.violations > 0],
    [whole(sockets.reconnects), 'reconnects', false],
    [
      metrics.compared ? whole(metrics.differences) : 'none',
      metrics.compared ? 'differences from the metrics' : 'metrics compared',
      metrics.differences > 0,
    ],
  ];
  const tile = ([value, label, bad]: readonly [string, string, boolean]): string =>
    `<div class="tile${bad ? ' bad' : ''}"><b>${escapeHtml(value)}</b><span>${escapeHtml(label)}</span></div>`;
  return `<div class="tiles">${all.map(tile).join('')}</div>`;
}

function tables(result: Result): string {
  const { latency, metrics, assertions, counts, errors, sockets, settings, client } = result;
  return [
    section(
      'Latencies',
      ['', 'p50', 'p90', 'p99', 'p99.9', 'max'],
      [
        quantileRow('replies', latency.reply),
        quantileRow('connecting', latency.connect),
        quantileRow('away: from a loss to the next connection', latency.away),
        quantileRow("the load test's own event loop, late by", client.loopDelayMs),
      ],
    ),
    section(
      'Assertions',
      ['', 'found', ''],
      assertions.map(({ assertion, found, passed }) => row([assertion, found, passed ? 'holds' : 'fails'], !passed)),
    ),
    section(
      'Metrics of the service, against what clients saw',
      ['', 'clients', 'service'],
      metrics.rows.map(({ what, clients, service, same }) =>
        row([what, rangeText(clients), service === null ? 'no such metric' : String(service)], !same),
      ),
    ),
    section(
      'Counts told wrongly (the first ones)',
      ['kind', 'session', 'at', 'what'],
      counts.first.map(({ kind, sessionId, atSeconds, detail }) =>
        row([kind, sessionId, `${atSeconds.toFixed(1)} s`, detail], true),
      ),
    ),
    section('Errors', ['kind', 'times'], sums(errors.byKind)),
    section('Closes, by the code received', ['code', 'times'], sums(sockets.closes)),
    section(
      'Settings',
      ['flag', 'value'],
      Object.entries(settings).map(([name, value]) => row([`--${name}`, value])),
    ),
  ].join('\n');
}

function quantileRow(name: string, quantiles: Quantiles): string {
  return row([name, ...[quantiles.p50, quantiles.p90, quantiles.p99, quantiles['p99.9'], quantiles.max].map(time)]);
}

function sums(byKey: Readonly<Record<string, number>>): string[] {
  return Object.entries(byKey)
    .toSorted(([, a], [, b]) => b - a)
    .map(([key, count]) => row([key, whole(count)]));
}
