import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newUuid } from '../src/protocol/uuid.ts';

/** More than are made of one draw of random bytes. */
const MANY = 10_000;

describe('A UUID', () => {
  it('is one of version 4, in lower case (RFC 9562, section 5.4)', () => {
    for (let made = 0; made < MANY; made += 1)
      assert.match(newUuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('is no other again', () => {
    assert.equal(new Set(Array.from({ length: MANY }, newUuid)).size, MANY);
  });

  it('has each digit as often as any other, at each place that is random', () => {
    const uuids = Array.from({ length: MANY }, newUuid);
    const expected = MANY / 16;
    for (const place of [0, 7, 9, 12, 15, 17, 20, 22, 24, 35]) {
      const counts = new Map<string, number>();
      for (const uuid of uuids) counts.set(uuid.charAt(place), (counts.get(uuid.charAt(place)) ?? 0) + 1);
      assert.equal(counts.size, 16);
      // Eight standard deviations.
      for (const count of counts.values())
        assert.ok(Math.abs(count - expected) < 8 * Math.sqrt(expected), String(count));
    }
  });
});
