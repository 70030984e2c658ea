import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GAUGES, type GaugeName } from '../src/soak-gauges.ts';
import { failuresOf, type Soak } from '../src/soak-result.ts';

const MINUTE = 60_000;

describe('A soak', () => {
  it('passes where nothing is more at the end, whatever it is between', () => {
    assert.deepEqual(failuresOf(soak('memory', (minute) => (minute > 11 && minute < 50 ? 900 : 100))), []);
  });
  it('passes where something is 2 % more', () => {
    assert.deepEqual(failuresOf(soak('memory', (minute) => 100 + minute / 30)), []);
  });
  it('fails where something is 3 % more', () => {
    const [failure, ...others] = failuresOf(soak('memory', (minute) => 100 + minute / 15));
    assert.match(failure ?? '', /^resident memory .*: 100.60, later 103.93$/);
    assert.deepEqual(others, []);
  });
  it('fails where there is something of which there was nothing', () => {
    assert.equal(failuresOf(soak('dropped', (minute) => (minute > 30 ? 1 : 0))).length, 1);
  });
  it('fails where something could not be read', () => {
    assert.equal(failuresOf(soak('stored', () => undefined)).length, 1);
  });
  it('fails by a lost count, and by a mishap', () => {
    const well = soak('memory', () => 100);
    assert.equal(failuresOf({ ...well, lost: 1, wrong: { lost: 1 }, mishaps: ['ended by itself'] }).length, 3);
  });
});

/** An hour, with a sample every half minute in which one gauge is as given, and every other one 1. */
function soak(name: GaugeName, value: (minute: number) => number | undefined): Soak {
  const rest = Object.fromEntries(Object.keys(GAUGES).map((each) => [each, 1])) as Record<GaugeName, number>;
  const samples = Array.from({ length: 120 }, (_, index) => {
    const minute = (index + 1) / 2;
    return { ...rest, told: 0, at: minute * MINUTE, [name]: value(minute) };
  });
  const counts = { sent: 1, told: 1, lost: 0, wrong: {}, reconnects: 0, mishaps: [] };
  return { startedAt: new Date(0), hours: 1, clients: 1, periodMs: 10 * MINUTE, samples, drainsMs: [], ...counts };
}
