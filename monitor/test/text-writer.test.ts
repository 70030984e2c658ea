import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MonitorEvent } from '../src/events.ts';
import { levelOf, snapshotOf } from '../src/snapshot.ts';
import { parseMetricsText } from '../../lib/metrics-text.ts';
import { Report } from '../src/report.ts';
import { TextWriter } from '../src/text-writer.ts';
import { metricsText } from './support/metrics.ts';

const AT = new Date(2026, 0, 1, 12, 30, 5);

function print(event: MonitorEvent, colours = false): string {
  const lines: string[] = [];
  new TextWriter((line) => lines.push(line), colours).write(event, AT);
  return lines.join('\n');
}

test('an error line is printed with its fields, its error without the stack', () => {
  const error = { name: 'TypeError', message: 'no socket', stack: 'TypeError: no socket\n    at x' };
  const line = { level: 'ERROR', logger: 'chat.ws', event: 'e', message: 'It failed', session_id: 's 1', error };
  assert.equal(
    print({ type: 'problem', kind: 'log_error', source: 'pod-1', message: 'It failed', line }),
    '12:30:05  ERROR     pod-1: chat.ws e: It failed  session_id="s 1"  error="TypeError: no socket"',
  );
});

test('control characters of a log do not reach the terminal', () => {
  const text = print({
    type: 'log',
    source: 'service',
    line: { level: 'WARN', message: 'a\u001b[2Jb\u0007\u009bc\r\n' },
  });
  assert.equal(text, '12:30:05  WARN      service: a\\x1b[2Jb\\x07\\x9bc\\x0d\\x0a');
});

test('colours come on request alone', () => {
  const notice: MonitorEvent = { type: 'notice', kind: 'ready', source: 'service', message: 'ready' };
  assert.ok(print(notice, true).includes('\u001b['));
  assert.ok(!print(notice).includes('\u001b['));
});

test('a snapshot is one line with units, and a dash for what is not known', () => {
  const level = levelOf({ atMs: 0, samples: parseMetricsText(metricsText({ connections: 1234 })) });
  assert.equal(
    print({ type: 'snapshot', source: 'service', ...snapshotOf(level, undefined, undefined) }),
    '12:30:05  metrics   service: 1,234 of 10,000 connections · - messages/s · - errors/s · p99 - · ready · 100.0 MiB',
  );
});

test('the summary lists each problem once with its count, each gap, and what was never watched', () => {
  const lines: string[] = [];
  const report = new Report(new TextWriter((line) => lines.push(line), false));
  report.coverage.expect('log a.log');
  for (let n = 1; n <= 3; n += 1)
    report.problem({ kind: 'warning_event', source: 'pod-1', message: 'BackOff', detail: String(n) });
  report.coverage.lost('API server', 'connection refused');
  report.coverage.seen('API server');
  lines.length = 0;
  const { exitStatus } = report.finish('time');
  const summary = lines.join('\n');
  assert.equal(exitStatus, 1);
  assert.match(summary, /Summary: 1 problem \(watched 0\.0 s; exit status 1\)/);
  assert.match(summary, / {2}problem: pod-1: BackOff: 1 \(3 times, [\d:]+ to [\d:]+\)/);
  assert.match(summary, / {2}gap: API server, [\d:]+ to [\d:]+: connection refused/);
  assert.match(summary, / {2}never watched: log a\.log/);
});

test('what was not watched to the end is no health: exit status 2, and 1 if a problem was seen besides', () => {
  const quiet = new Report({ write: () => undefined });
  assert.equal(quiet.finish('time').exitStatus, 0);
  const blind = new Report({ write: () => undefined });
  blind.coverage.lost('metrics', 'refused');
  assert.equal(blind.finish('time').exitStatus, 2);
  blind.problem({ kind: 'unreachable', source: 'service', message: 'gone' });
  assert.equal(blind.finish('time').exitStatus, 1);
  const optional = new Report({ write: () => undefined });
  optional.coverage.lost('events', 'forbidden', true);
  assert.equal(optional.finish('time').exitStatus, 0);
});
