import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as simulated from '../../bench/rollout/pace.ts';
import { defaultConfig } from '../src/config/options.ts';
import { closingWindowMs } from '../src/connections/drain.ts';
import { retryAfterMs } from '../src/connections/retry-after.ts';

describe('The simulation of rollouts', () => {
  for (const drainSpreadSeconds of [0, 5, 30])
    it(`spreads closes and delays as the service does, with a spread of ${drainSpreadSeconds} s`, () => {
      const config = { ...defaultConfig(), drainSpreadSeconds };
      for (const connections of [0, 1, 499, 500, 10_000])
        assert.equal(simulated.closingWindowMs(config, connections), closingWindowMs(config, connections));
      for (const random of [0, 0.3, 0.999])
        assert.equal(
          simulated.retryAfterMs(config, () => random),
          retryAfterMs(config, () => random),
        );
    });
});
