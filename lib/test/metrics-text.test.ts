import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MetricsTextError, parseMetricsText, sum, sumBy } from '../metrics-text.ts';

test('the text format is read with its escapes, its infinities and its time stamps', () => {
  const samples = parseMetricsText(
    '# a comment\n\na{x="1 }, \\"y\\"",z="\\\\n\\n"} 1.5e3 1700000000000\na{x="2"} +Inf\nb NaN\nb Nan\nc{} -Inf\n',
  );
  assert.deepEqual(samples.get('a'), [
    { labels: { x: '1 }, "y"', z: '\\n\n' }, value: 1500 },
    { labels: { x: '2' }, value: Infinity },
  ]);
  assert.deepEqual(
    samples.get('b')?.map(({ value }) => value),
    [NaN, NaN],
  );
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
