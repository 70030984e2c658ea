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
  ERRORS,
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
  const names = [...Object.values(GAUGES), ...Object.values(COUNTERS), ERRORS];
  for (const name of names) assert.ok(samples.has(name), `${name} is served`);
  for (const name of parseMetricsText(metricsText()).keys()) assert.ok(samples.has(name), `${name} is served`);
});

test('rates are of the time between two scrapes', () => {
  const [first, second] = steps([0, { messages: 10, connections: 3 }], [2000, { messages: 30, clientErrors: 4 }]);
  assert.ok(first !== undefined && second !== undefined);
  const { connections, messagesPerSecond } = snapshotOf(first);
  assert.deepEqual([connections, messagesPerSecond], [3, null], 'the first has no rates');
  const snapshot = snapshotOf(second);
  assert.equal(snapshot.messagesPerSecond, 10);
  assert.deepEqual(snapshot.errorsPerSecond, { rate_limited: 2 });
});

test('a process that began during the watch counts from zero, and so does the next one after it', () => {
  const startedAt = BEGAN_MS / 1000 + 1;
  const [first, next] = steps([5000, { messages: 8, startedAt }], [9000, { messages: 20, startedAt: startedAt + 6 }]);
  const shown = (step: Step | undefined) => step?.activity && { ...countsOf(step.activity), restarted: step.restarted };
  assert.deepEqual([shown(first)?.messages, shown(first)?.seconds, shown(first)?.restarted], [8, 4, false]);
  assert.deepEqual([shown(next)?.messages, shown(next)?.seconds, shown(next)?.restarted], [20, 2, true]);
});

test('activities and gauges add up over pods, with the worst state of all', () => {
  const { messages, messagesPerSecond } = countsOf(addActivities([activity(1, 5), activity(3, 7)], 3));
  assert.deepEqual([messages, messagesPerSecond], [12, 4]);
  const [ready, draining] = steps([0, { connections: 2 }], [1, { connections: 1, drainSeconds: 4 }]);
  assert.ok(ready !== undefined && draining !== undefined);
  const total = addGauges([ready.gauges, UNKNOWN, draining.gauges]);
  assert.deepEqual([total.connections, total.state, total.drainSeconds], [3, 'draining', 4]);
});
