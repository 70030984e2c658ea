import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { shrink } from '../src/shrink.ts';

const NUMBERS = Array.from({ length: 20 }, (_, index) => index);

describe('Shrinking a list that fails', () => {
  for (const guilty of [[7], [3, 17], [0, 9, 19]])
    it(`leaves ${guilty.join(', ')}, in their order`, async () => {
      const fails = (part: readonly number[]): Promise<boolean> =>
        Promise.resolve(guilty.every((each) => part.includes(each)));
      assert.deepEqual(await shrink(NUMBERS, fails, 200), guilty);
    });

  it('ends after so many attempts, with a list that fails', async () => {
    let attempts = 0;
    const left = await shrink(
      NUMBERS,
      (part) => {
        attempts += 1;
        return Promise.resolve(part.includes(3) && part.includes(17));
      },
      5,
    );
    assert.equal(attempts, 5);
    assert.ok(left.includes(3) && left.includes(17));
  });
});
