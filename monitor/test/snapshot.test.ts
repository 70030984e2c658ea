import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceProcess } from '../../testkit/process.ts';
import { MetricsTextError, parseMetricsText, sum, sumBy } from '../../lib/metrics-text.ts';
import {
  activityBetween,
  addActivities,
  addLevels,
  levelOf,
  METRICS,
  quantileMs,
  snapshotOf,
  type Activity,
  type Reading,
} from '../src/snapshot.ts';
import { metricsText, type MetricValues } from './support/metrics.ts';

const BEGAN_MS = 2_000_000;

function reading(atMs: number, values: MetricValues = {}): Reading {
  return { atMs: BEGAN_MS + atMs, samples: parseMetricsText(metricsText(values)) };
}

function between(before: Reading | undefined, after: Reading): Activity {
  const activity = activityBetween(before, after, BEGAN_MS);
  assert.ok(activity !== undefined);
  return activity;
}

test('every metric that is read is there in a scrape of the service, by its name', async (t) => {
  const service = await ServiceProcess.start(t);
  const samples = parseMetricsText(await (await fetch(`${service.origin}/metrics/`)).text());
  for (const name of Object.values(METRICS)) assert.ok(samples.has(name), `${name} is served`);
  const madeUp = parseMetricsText(metricsText());
  for (const name of madeUp.keys()) assert.ok(samples.has(name), `${name}, which tests make up, is served`);
});

test('the text format is read with its escapes, its infinities and its time stamps', () => {
  const samples = parseMetricsText(
    '# a comment\n\na{x="1 }, \\"y\\"",z="\\\\n\\n"} 1.5e3 1700000000000\na{x="2"} +Inf\nb NaN\nc{} -Inf\n',
  );
  assert.deepEqual(samples.get('a'), [
    { labels: { x: '1 }, "y"', z: '\\n\n' }, value: 1500 },
    { labels: { x: '2' }, value: Infinity },
  ]);
  assert.equal(samples.get('b')?.[0]?.value, NaN);
  assert.equal(samples.get('c')?.[0]?.value, -Infinity);
});

test('what is not the text format is refused with the line', () => {
  for (const text of ['<html>', 'a', 'a{x="1" 2', 'a one', '{"a": 1}'])
    assert.throws(() => parseMetricsText(text), MetricsTextError, text);
});

test('samples are summed over all labels, or by one', () => {
  const samples = parseMetricsText('a{x="1",y="1"} 1\na{x="1",y="2"} 2\na{x="2",y="1"} 4\n');
  assert.equal(sum(samples, 'a'), 7);
  assert.equal(sum(samples, 'b'), undefined);
  assert.deepEqual(
    [...sumBy(samples, 'a', 'x')],
    [
      ['1', 3],
      ['2', 4],
    ],
  );
});

test('rates are of the time between two scrapes', () => {
  const activity = between(reading(0, { messages: 10 }), reading(2000, { messages: 30, clientErrors: 4 }));
  const snapshot = snapshotOf(levelOf(reading(2000)), levelOf(reading(0)), activity);
  assert.equal(snapshot.messagesPerSecond, 10);
  assert.deepEqual(snapshot.errorsPerSecond, { rate_limited: 2 });
});

test('the first scrape of a process that is older than the watch has no rates', () => {
  assert.equal(activityBetween(undefined, reading(0), BEGAN_MS), undefined);
  const snapshot = snapshotOf(levelOf(reading(0, { connections: 3 })), undefined, undefined);
  assert.deepEqual([snapshot.messagesPerSecond, snapshot.connectionsChange, snapshot.connections], [null, null, 3]);
});

test('a process that began during the watch counts from zero, and so does the next one after it', () => {
  const startedAt = BEGAN_MS / 1000 + 1;
  const first = between(undefined, reading(5000, { messages: 8, startedAt }));
  assert.deepEqual([first.messages, first.seconds, first.restarted], [8, 4, false]);
  const next = between(
    reading(5000, { messages: 8, startedAt }),
    reading(9000, { messages: 20, startedAt: startedAt + 6 }),
  );
  assert.deepEqual([next.messages, next.seconds, next.restarted], [20, 2, true]);
});

test('quantiles are interpolated as Prometheus does', () => {
  const buckets = new Map([
    [0.001, 0],
    [0.01, 50],
    [0.1, 100],
    [Infinity, 100],
  ]);
  assert.equal(Math.round(quantileMs(buckets, 0.5) ?? NaN), 10);
  assert.equal(Math.round(quantileMs(buckets, 0.75) ?? NaN), 55);
  assert.equal(
    quantileMs(
      new Map([
        [0.1, 0],
        [Infinity, 5],
      ]),
      0.99,
    ),
    100,
    'beyond the highest bound it is that bound',
  );
  assert.equal(
    quantileMs(
      new Map([
        [0.1, 0],
        [Infinity, 0],
      ]),
      0.99,
    ),
    null,
  );
  assert.equal(quantileMs(new Map(), 0.99), null);
});

test('activities add up over pods by the longest time, and over time by the sum', () => {
  const one = between(reading(0), reading(1000, { messages: 5 }));
  const other = between(reading(0), reading(3000, { messages: 7 }));
  assert.deepEqual(
    [addActivities([one, other], 'parallel')].map(({ messages, seconds }) => [messages, seconds]),
    [[12, 3]],
  );
  assert.deepEqual(
    [addActivities([one, other], 'consecutive')].map(({ messages, seconds }) => [messages, seconds]),
    [[12, 4]],
  );
});

test('levels add up, with the worst state of all', () => {
  const ready = levelOf(reading(0, { connections: 2 }));
  const draining = levelOf(reading(0, { connections: 1, closingSeconds: 4 }));
  const total = addLevels([ready, draining]);
  assert.deepEqual([total.connections, total.state, total.drainSeconds], [3, 'draining', 4]);
  assert.equal(addLevels([]).state, 'unknown');
});
