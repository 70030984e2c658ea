import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from '../../testkit/fast-check.ts';
import { LINE_BUFFER_BYTES, LineBuffer } from '../src/log/line-buffer.ts';

describe('A buffer of lines', () => {
  it('writes numbers as JSON does', () => {
    const buffer = new LineBuffer();
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.maxSafeNat(), fc.nat(10_000_000)), { maxLength: 50 }), (numbers) => {
        for (const [whole, thousandths] of numbers) {
          buffer.whole(whole);
          buffer.ascii(' ');
          buffer.thousandths(thousandths);
          buffer.end();
        }
        assert.equal(buffer.lines, numbers.length);
        const expected = numbers.map(([whole, thousandths]) => `${whole} ${JSON.stringify(thousandths / 1000)}\n`);
        assert.equal(buffer.take().toString(), expected.join(''));
        assert.equal(buffer.lines, 0);
      }),
    );
  });

  it('has room for what it says, whatever the characters are', () => {
    const buffer = new LineBuffer();
    const line = 'naïve 会 🙂';
    const bytes = Buffer.from(line);
    let lines = 0;
    for (; buffer.fits(bytes.length + 1); lines += 1) {
      buffer.text(line);
      buffer.end();
    }
    assert.equal(lines, Math.floor(LINE_BUFFER_BYTES / (bytes.length + 1)));
    assert.equal(buffer.take().toString(), `${line}\n`.repeat(lines));
    assert.ok(buffer.fits(LINE_BUFFER_BYTES));
    assert.ok(!buffer.fits(LINE_BUFFER_BYTES + 1));
  });
});
