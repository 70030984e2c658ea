import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runPart } from '../../bench/fuzz/campaign.ts';
import { PARTS } from '../../bench/fuzz/parts.ts';

/** A long run, with seeds of its own, is `npm run fuzz`. */
const SEED = 1;
const INPUTS = 30_000;

describe('Under random and damaged handshakes and frames the service', { concurrency: true }, () => {
  for (const part of PARTS)
    it(`neither crashes, leaks nor miscounts, with ${part.purpose}`, async () => {
      const inputs = (INPUTS * part.percent) / 100;
      const { faults, checked, ...report } = await runPart(part, { seed: SEED, inputs, program: 'source' });
      assert.deepEqual(faults, []);
      assert.ok(report.inputs >= inputs, `${report.inputs} inputs were sent, of ${inputs}`);
      assert.ok(checked.messages > 0, 'the checking client counted nothing');
    });
});
