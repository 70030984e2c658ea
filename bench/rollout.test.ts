import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defaultConfig } from '../service/src/config/options.ts';
import { seeded } from '../testkit/seed.ts';
import { binomial, partAtRandom } from './rollout/chance.ts';
import { simulateRollout, type RolloutOptions } from './rollout/model.ts';
import { SCENARIOS } from './rollout/scenarios.ts';

const OPTIONS: RolloutOptions = {
  pods: 20,
  socketsPerPod: 500,
  maxSurge: 5,
  minReadySeconds: 10,
  startSeconds: 2,
  hookSeconds: 3,
  config: defaultConfig(),
  maxConnections: Infinity,
  balance: 'random',
  seed: 1,
};

describe('a simulated rollout', () => {
  test('keeps every client: the new pods hold all of them in the end', () => {
    for (const seed of [1, 2, 3])
      for (const balance of ['random', 'least'] as const) {
        const { socketsAfter } = simulateRollout({ ...OPTIONS, seed, balance });
        assert.equal(socketsAfter.length, OPTIONS.pods);
        assert.equal(sum(socketsAfter), OPTIONS.pods * OPTIONS.socketsPerPod);
      }
  });

  test('is the same for the same seed, and another for another', () => {
    assert.deepEqual(simulateRollout(OPTIONS), simulateRollout(OPTIONS));
    assert.notDeepEqual(simulateRollout(OPTIONS).socketsAfter, simulateRollout({ ...OPTIONS, seed: 2 }).socketsAfter);
  });

  test('closes every client once at least, and once only where no old pod is given one back', () => {
    assert.ok(simulateRollout(OPTIONS).closesPerClient > 1);
    assert.equal(simulateRollout({ ...OPTIONS, maxSurge: OPTIONS.pods }).closesPerClient, 1);
  });

  test('brings clients back no faster than the spread closes them', () => {
    for (const spread of [2, 5, 30]) {
      const config = { ...OPTIONS.config, drainSpreadSeconds: spread };
      const { peakReconnects, mostSockets } = simulateRollout({ ...OPTIONS, config });
      // A pod closes no more than it ever held, evenly; the delays add what chance brings together.
      assert.ok(peakReconnects <= ((OPTIONS.maxSurge * mostSockets) / Math.min(spread, mostSockets / 100)) * 1.2);
    }
  });

  test('without spread and delay all clients of a batch are back in one second', () => {
    const config = { drainSpreadSeconds: 0, retryAfterMinSeconds: 0, retryAfterMaxSeconds: 0 };
    const { peakReconnects } = simulateRollout({ ...OPTIONS, maxSurge: OPTIONS.pods, config });
    assert.equal(peakReconnects, OPTIONS.pods * OPTIONS.socketsPerPod);
  });

  test('takes no longer than its pauses, and no shorter', () => {
    const batches = OPTIONS.pods / OPTIONS.maxSurge;
    const pauses = batches * (OPTIONS.startSeconds + OPTIONS.minReadySeconds);
    const last = OPTIONS.hookSeconds + OPTIONS.config.drainSpreadSeconds + OPTIONS.config.retryAfterMaxSeconds;
    const { seconds } = simulateRollout(OPTIONS);
    assert.ok(seconds >= pauses && seconds <= pauses + last + 1, `it took ${seconds} s`);
  });

  test('given the fewest sockets first, no pod holds more than its share', () => {
    const { mostSockets, socketsAfter } = simulateRollout({ ...OPTIONS, balance: 'least' });
    assert.ok(mostSockets <= OPTIONS.socketsPerPod);
    assert.ok(Math.max(...socketsAfter) - Math.min(...socketsAfter) <= 1);
  });

  test('refuses clients where pods have no room to spare, and has all of them in the end', () => {
    const result = simulateRollout({ ...OPTIONS, maxConnections: OPTIONS.socketsPerPod });
    assert.ok(result.refusals > 0);
    assert.ok(result.mostSockets <= OPTIONS.socketsPerPod);
    assert.equal(sum(result.socketsAfter), OPTIONS.pods * OPTIONS.socketsPerPod);
  });

  test('is played through at every size that is printed', () => {
    for (const { options } of SCENARIOS) {
      const { socketsAfter } = simulateRollout({ ...options, seed: 1 });
      assert.equal(sum(socketsAfter), options.pods * options.socketsPerPod);
    }
  });
});

describe('chance', () => {
  test('a binomial has its mean and its variance, whichever way it is drawn', () => {
    for (const [tries, p] of [
      [10, 0.3],
      [1000, 0.01],
      [1000, 0.4],
      [1000, 0.9],
    ] as const) {
      const random = seeded(7);
      const values = Array.from({ length: 20_000 }, () => binomial(tries, p, random));
      const mean = sum(values) / values.length;
      const variance = sum(values.map((value) => (value - mean) ** 2)) / values.length;
      const expected = tries * p * (1 - p);
      assert.ok(Math.abs(mean - tries * p) < 5 * Math.sqrt(expected / values.length), `${tries}, ${p}: mean ${mean}`);
      assert.ok(Math.abs(variance / expected - 1) < 0.06, `${tries}, ${p}: variance ${variance}`);
    }
  });

  test('parts add up', () => {
    const random = seeded(7);
    for (const total of [0, 1, 17, 100_000]) {
      const parts = partAtRandom(total, [1, 0, 2, 5], random);
      assert.equal(sum(parts), total);
      assert.equal(parts[1], 0);
    }
  });
});

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
