import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { chaosBlocks } from '../src/docs.ts';
import type { KeptResult } from '../src/kept-results.ts';

const MAIN = new URL('../src/main.ts', import.meta.url).pathname;
const RUN: KeptResult = {
  date: '2026-01-31',
  versions: { service: '1.2.3' },
  mode: 'strict',
  seed: 7,
  pace: 1,
  instances: 3,
  clients: 60,
  faults: { 'redis-killed': { times: 2, seen: 1 } },
  sent: 20,
  told: 10,
  violations: { lost: 0 },
  excused: 0,
  longestAbsenceMs: 1500,
  healthySeconds: 0.5,
  memoryBytes: 2 ** 20,
  files: 50,
  problems: [],
};

describe('The page of a kept run', () => {
  it('has its figures, and the command that repeats it', () => {
    const { 'chaos-runs': runs = '', 'chaos-faults': faults = '' } = chaosBlocks([RUN]);
    assert.match(runs, /^\| strict \| 2 \| 20 \| 10 \| .*--mode strict --faults 2 --seed 7 --pace 1` \|$/m);
    assert.doesNotMatch(runs, /NOT OK/);
    assert.match(faults, /^\| `redis-killed` \| .* \| 2 \(1\) \|$/m);
  });

  it('says what was wrong besides the counts: a run that failed must not look like one that passed', () => {
    const { 'chaos-runs': runs = '' } = chaosBlocks([RUN, { ...RUN, mode: 'token', problems: ['it ended by itself'] }]);
    assert.match(runs, /^NOT OK, token: it ended by itself\.$/m);
  });
});

describe('A run that is to be kept', () => {
  for (const option of ['--kinds=redis-killed', '--only=1', '--promise=strict'])
    it(`is a whole one: ${option} is refused with --keep`, () => {
      const { status, stderr } = spawnSync(process.execPath, [MAIN, '--keep', option], {
        encoding: 'utf8',
        timeout: 60_000,
      });
      assert.equal(status, 2, stderr);
      assert.match(stderr, /--keep.* cannot be used with .*--/);
    });
});
