import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PARTS } from '../../bench/fuzz/parts.ts';
import { runPart } from '../../bench/fuzz/run-part.ts';
import { LONG, SEED } from '../../testkit/seed.ts';

/** `npm run fuzz` sends as many as it is told. */
const INPUTS = LONG ? 60_000 : 10_000;

describe('Under random and damaged handshakes and frames the service', { concurrency: true }, () => {
  for (const part of PARTS)
    it(part.purpose, async () => {
      const inputs = (INPUTS * part.percent) / 100;
      const report = await runPart(part, { seed: SEED, inputs });
      assert.equal(report.failure, undefined, report.failure);
      assert.ok(report.inputs >= inputs, `${report.inputs} inputs were sent, of ${inputs}`);
      assert.ok(report.checked > 0, 'the checking client counted nothing');
    });
});
