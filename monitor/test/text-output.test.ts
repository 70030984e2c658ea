import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MonitorEvent } from '../src/events.ts';
import { MetricsWatch } from '../src/metrics-watch.ts';
import { snapshotOf } from '../src/metrics.ts';
import { Report } from '../src/report.ts';
import { textLines } from '../src/text-output.ts';
import { metricsText } from './support/metrics.ts';

const AT = new Date(2026, 0, 1, 12, 30, 5);

function print(event: MonitorEvent): string {
  return textLines(event, AT);
}

function quietReport(): Report {
  return new Report(() => undefined);
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
  const line = { level: 'WARN', message: 'a\u001b[2Jb\u0007\u009bc\r\n' };
  assert.equal(
    print({ type: 'log', source: 'service', line }),
    '12:30:05  WARN      service: a\\x1b[2Jb\\x07\\x9bc\\x0d\\x0a',
  );
});

test('a snapshot is one line with units, and a dash for what is not known', () => {
  const step = new MetricsWatch(quietReport(), 'service', Date.now()).step(metricsText({ connections: 1234 }));
  assert.equal(
    print({ type: 'snapshot', source: 'service', ...snapshotOf(step) }),
    '12:30:05  metrics   service: 1,234 of 10,000 connections · - messages/s · - errors/s · ready · 100.0 MiB',
  );
});

test('the summary lists each problem once with its count, each gap, and what was never watched', () => {
  let last: MonitorEvent | undefined;
  const report = new Report((event) => (last = event));
  report.expect('log a.log');
  for (let n = 1; n <= 3; n += 1)
    report.problem({ kind: 'pod_failed', source: 'pod-1', message: 'failed: Evicted', detail: String(n) });
  report.lost('API server', 'connection refused');
  report.seen('API server');
  assert.equal(report.finish('time'), 1);
  assert.ok(last !== undefined);
  const summary = print(last);
  assert.match(summary, /Summary: 1 problem \(watched 0\.0 s; exit status 1\)/);
  assert.match(summary, / {2}problem: pod-1: failed: Evicted: 1 \(3 times, [\d:]+ to [\d:]+\)/);
  assert.match(summary, / {2}gap: API server, [\d:]+ to [\d:]+: connection refused/);
  assert.match(summary, / {2}never watched: log a\.log/);
});

test('what was not watched to the end is no health: exit status 2, and 1 if a problem was seen besides', () => {
  assert.equal(quietReport().finish('time'), 0);
  const blind = quietReport();
  blind.lost('metrics', 'refused');
  assert.equal(blind.finish('time'), 2);
  blind.problem({ kind: 'unreachable', source: 'service', message: 'gone' });
  assert.equal(blind.finish('time'), 1);
});
