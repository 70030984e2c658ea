import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kindsOf } from '../src/faults.ts';
import { MODES } from '../src/history.ts';
import { drawFaults } from '../src/schedule.ts';

describe('The faults of a seed', () => {
  const kinds = kindsOf('strict', true);

  it('are the same ones each time', () => {
    assert.deepEqual(drawFaults(50, 7, kinds, 1), drawFaults(50, 7, kinds, 1));
  });

  it('are others than those of another seed', () => {
    assert.notDeepEqual(drawFaults(50, 7, kinds, 1), drawFaults(50, 8, kinds, 1));
  });

  it('hold every kind, once there are many', () => {
    assert.deepEqual(new Set(drawFaults(1000, 7, kinds, 1).map(({ kind }) => kind)), new Set(kinds));
  });
});

describe('A mode', () => {
  it('has the faults of what it has, and no others', () => {
    const prefixes = (name: string): string => name.split('-')[0] ?? '';
    const of = MODES.map((mode) => [mode, [...new Set(kindsOf(mode, false).map(prefixes))].sort().join()]);
    assert.deepEqual(Object.fromEntries(of), {
      strict: 'bad,balancer,redis,service',
      relaxed: 'bad,balancer,redis,service',
      replicated: 'bad,balancer,failover,redis,sentinel,service',
      token: 'bad,balancer,service',
    });
    assert.ok(kindsOf('token', true).includes('loki-killed'));
  });
});
