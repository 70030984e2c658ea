import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMetricsText } from '../../lib/metrics-text.ts';
import { ServiceProcess } from '../../testkit/process.ts';
import {
  addActivities,
  addGauges,
  COUNTERS,
  countsOf,
  GAUGES,
  LABELED_COUNTERS,
  quantileMs,
  snapshotOf,
  UNKNOWN,
  type Activity,
  type Step,
} from '../src/metrics.ts';
import { MetricsWatch } from '../src/metrics-watch.ts';
import { Report } from '../src/report.ts';
import { metricsText, type MetricValues } from './support/metrics.ts';

const BEGAN_MS = 2_000_000;

/** Steps over scrapes at these times after the watch began, in milliseconds. */
function steps(...scrapes: readonly (readonly [atMs: number, values: MetricValues])[]): Step[] {
  const watch = new MetricsWatch(new Report(() => undefined), 'service', BEGAN_MS);
  return scrapes.map(([atMs, values]) => watch.step(metricsText(values), BEGAN_MS + atMs));
}

function activity(seconds: number, messages: number): Activity {
  const [, step] = steps([0, {}], [seconds * 1000, { messages }]);
  assert.ok(step?.activity !== undefined);
  return step.activity;
}

test('every metric that is read is there in a scrape of the service, by its name', async (t) => {
  const service = await ServiceProcess.start(t);
  const samples = parseMetricsText(await (await fetch(`${service.origin}/metrics/`)).text());
  const names = [GAUGES, COUNTERS, LABELED_COUNTERS].flatMap((table) => Object.values(table));
  for (const name of names) assert.ok(samples.has(name), `${name} is served`);
  for (const name of parseMetricsText(metricsText()).keys()) assert.ok(samples.has(name), `${name} is served`);
});

test('rates are of the time between two scrapes', () => {
  const [first, second] = steps([0, { messages: 10, connections: 3 }], [2000, { messages: 30, clientErrors: 4 }]);
  assert.ok(first !== undefined && second !== undefined);
  const { connections, connectionsChange, messagesPerSecond } = snapshotOf(first);
  assert.deepEqual([connections, connectionsChange, messagesPerSecond], [3, null, null], 'the first has no rates');
  const snapshot = snapshotOf(second);
  assert.equal(snapshot.messagesPerSecond, 10);
  assert.equal(snapshot.connectionsChange, -3);
  assert.deepEqual(snapshot.errorsPerSecond, { rate_limited: 2 });
});

test('a process that began during the watch counts from zero, and so does the next one after it', () => {
  const startedAt = BEGAN_MS / 1000 + 1;
  const [first, next] = steps([5000, { messages: 8, startedAt }], [9000, { messages: 20, startedAt: startedAt + 6 }]);
  const shown = (step: Step | undefined) => step?.activity && { ...countsOf(step.activity), restarted: step.restarted };
  assert.deepEqual([shown(first)?.messages, shown(first)?.seconds, shown(first)?.restarted], [8, 4, false]);
  assert.deepEqual([shown(next)?.messages, shown(next)?.seconds, shown(next)?.restarted], [20, 2, true]);
});

test('quantiles are interpolated as Prometheus does, and are the highest bound beyond it', () => {
  const buckets = (...counts: readonly (readonly [string, number])[]) => new Map(counts);
  const four = buckets(['0.001', 0], ['0.01', 50], ['0.1', 100], ['+Inf', 100]);
  assert.equal(Math.round(quantileMs(four, 0.5) ?? NaN), 10);
  assert.equal(Math.round(quantileMs(four, 0.75) ?? NaN), 55);
  assert.equal(quantileMs(buckets(['0.1', 0], ['+Inf', 5]), 0.99), 100);
  assert.equal(quantileMs(buckets(['0.1', 0], ['+Inf', 0]), 0.99), null);
  assert.equal(quantileMs(new Map(), 0.99), null);
});

test('activities and gauges add up over pods, with the worst state of all', () => {
  const { messages, messagesPerSecond } = countsOf(addActivities([activity(1, 5), activity(3, 7)], 3));
  assert.deepEqual([messages, messagesPerSecond], [12, 4]);
  const [ready, draining] = steps([0, { connections: 2 }], [1, { connections: 1, drainSeconds: 4 }]);
  assert.ok(ready !== undefined && draining !== undefined);
  const total = addGauges([ready.gauges, UNKNOWN, draining.gauges]);
  assert.deepEqual([total.connections, total.state, total.drainSeconds], [3, 'draining', 4]);
});
