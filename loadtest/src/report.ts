import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Result } from './result.ts';
import { time, whole } from './summary.ts';
import type { Quantiles } from './timeline.ts';
import { rangeText } from './verdict.ts';

/** The report: one HTML page with plots and verdict, which loads nothing from anywhere; its Content-Security-Policy forbids it to. */
export function renderReport(result: Result): string {
  const title = `Load test ${result.settings['scenario'] ?? ''} of ${result.settings['host'] ?? ''}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title>
<style>${readUplot('uPlot.min.css')}
${readPage('report.css')}</style>
</head>
<body>
${head(result, title)}
${tiles(result)}
<h2>Over time</h2>
<div class="plots" id="plots"></div>
${tables(result)}
<script type="application/json" id="result">${embeddedJson(result)}</script>
<script>${readUplot('uPlot.iife.min.js')}</script>
<script>${readPage('report.js')}</script>
</body>
</html>
`;
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

/** A table with its heading; nothing if it has no rows. */
function section(title: string, headings: readonly string[], rows: readonly string[]): string {
  if (rows.length === 0) return '';
  const cells = headings.map((heading) => `<th>${escapeHtml(heading)}</th>`).join('');
  return `<h2>${escapeHtml(title)}</h2>\n<div class="tables"><table><thead><tr>${cells}</tr></thead><tbody>\n${rows.join('\n')}\n</tbody></table></div>`;
}

function quantileRow(name: string, quantiles: Quantiles): string {
  return row([name, ...[quantiles.p50, quantiles.p90, quantiles.p99, quantiles['p99.9'], quantiles.max].map(time)]);
}

function sums(byKey: Readonly<Record<string, number>>): string[] {
  return Object.entries(byKey)
    .toSorted(([, a], [, b]) => b - a)
    .map(([key, count]) => row([key, whole(count)]));
}

function row(cells: readonly string[], bad = false): string {
  return `<tr${bad ? ' class="bad"' : ''}>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('')}</tr>`;
}

function list(name: string, sentences: readonly string[]): string {
  if (sentences.length === 0) return '';
  return `<ul class="${name}">${sentences.map((sentence) => `<li>${escapeHtml(sentence)}</li>`).join('')}</ul>`;
}

/** JSON that can't end its script element. */
function embeddedJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function readPage(name: string): string {
  return readFileSync(new URL(`../page/${name}`, import.meta.url), 'utf8');
}

function readUplot(name: string): string {
  return readFileSync(fileURLToPath(import.meta.resolve(`uplot/dist/${name}`)), 'utf8');
}
