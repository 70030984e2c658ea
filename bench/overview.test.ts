import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Comparison, type Measure } from './support/comparison.ts';
import { messageCost, utilization, UNTOLD, type LoopSample } from './support/loop-sample.ts';
import { renderOverview } from './support/overview-page.ts';
import { describeOverview, measureRows, ratioText, targetFigures, type Overview } from './support/overview-result.ts';

const TIME: Measure = {
  name: 'time',
  unit: 'µs',
  ratioTargets: { fast: { atMost: 1.2 }, slow: { atMost: 1.2 } },
};

function compare(): Comparison {
  const comparison = new Comparison('bare');
  for (const [bare, fast, slow] of [
    [10, 11, 20],
    [20, 19, 42],
    [10, 10.5, 19],
  ] as const) {
    comparison.add('bare', TIME, bare);
    comparison.add('fast', TIME, fast);
    comparison.add('slow', TIME, slow);
    comparison.add('untold', TIME, NaN);
  }
  return comparison;
}

const OVERVIEW: Overview = {
  at: '2024-01-15T10:30:00.123Z',
  quick: false,
  parts: [
    {
      bench: 'message-cost',
      options: { rounds: 3, sockets: 1 },
      node: 'v24.0.0',
      cpu: 'a </script> of a name',
      cpus: 2,
      method: 'by hand',
      figures: compare().figures(),
      faults: ['a count was wrong'],
    },
  ],
};

describe('a comparison', () => {
  const [row] = measureRows({ figures: compare().figures(), faults: [], method: '' });

  test('has the median and spread of each contender, and of its ratio to the baseline in the same round', () => {
    assert.deepEqual([...(row?.values.keys() ?? [])], ['bare', 'fast', 'slow']);
    assert.equal(row?.values.get('slow')?.value, 20);
    assert.deepEqual(row?.ratios.get('slow')?.spread, [1.9, 2.1]);
    assert.equal(row?.ratios.get('slow')?.value, 2);
    assert.equal(row?.ratios.has('bare'), false);
  });

  test('claims no difference where some rounds say more and some less', () => {
    assert.match(ratioText(row?.ratios.get('fast') ?? assert.fail()), /^no difference seen \(0\.95 to 1\.10\)$/);
    assert.match(ratioText(row?.ratios.get('slow') ?? assert.fail()), /^2\.00× \(1\.90 to 2\.10\)$/);
  });

  test('of one round shows no spread', () => {
    const comparison = new Comparison('bare');
    comparison.add('bare', TIME, 10);
    comparison.add('slow', TIME, 20);
    const [only] = measureRows({ figures: comparison.figures(), faults: [], method: '' });
    assert.equal(ratioText(only?.ratios.get('slow') ?? assert.fail()), '2.00×');
  });

  test('says of each target whether it is met, the missed ones first', () => {
    assert.deepEqual(
      targetFigures(OVERVIEW).map(({ contender, met }) => [contender, met]),
      [
        ['slow', false],
        ['fast', true],
      ],
    );
    assert.match(describeOverview(OVERVIEW), /MISSED {2}time, slow \/ bare/);
  });
});

describe('the page', () => {
  const page = renderOverview(OVERVIEW);

  test('loads nothing from anywhere', () => {
    assert.match(page, /default-src 'none'/);
    assert.doesNotMatch(page, /(src|href)=/);
  });

  test('says what was found, what was missed and what went wrong', () => {
    assert.match(page, /<li>a count was wrong<\/li>/);
    assert.match(page, /<tr class="bad"><td>time, slow \/ bare<\/td>/);
    assert.match(page, /2\.00× \(1\.90 to 2\.10\)/);
  });

  test('takes a text for a text', () => {
    assert.doesNotMatch(page, /a <\/script> of a name/);
  });
});

describe('samples of an event loop', () => {
  const from: LoopSample = { ...UNTOLD, activeMs: 100, idleMs: 50, cpuMicros: 0, loopCpuMicros: 0, allocatedBytes: 0 };
  const to = {
    ...from,
    activeMs: 130,
    idleMs: 60,
    cpuMicros: 40_000,
    loopCpuMicros: 30_000,
    allocatedBytes: 2_000_000,
  };

  test('say what each message cost', () => {
    assert.deepEqual(messageCost(from, to, 1000), {
      loopMicros: 30,
      loopCpuMicros: 30,
      cpuMicros: 40,
      allocatedBytes: 2000,
    });
  });

  test('say how busy the loop was', () => {
    assert.equal(utilization(from, to), 0.75);
  });
});
