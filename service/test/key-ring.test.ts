import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeyRing, MAX_KEYS } from '../src/sessions/key-ring.ts';

const TTL = 3600;
const DELAY = 180;

describe('The keys of resume tokens', () => {
  it('are the one that signs and the previous one', () => {
    const { ring } = createRing();
    assert.throws(() => ring.signing, /there is no key yet/);
    assert.equal(ring.set({ key: 'A', previousKey: '' }), 0);
    assert.deepEqual([ring.signing, ring.accepted], ['A', ['A']]);
  });

  it('accept a new key at once, and sign with it once every instance has it', () => {
    const { ring, wait } = createRing('A');
    assert.equal(ring.set({ key: 'B', previousKey: 'A' }), DELAY);
    assert.deepEqual([ring.signing, sorted(ring)], ['A', ['A', 'B']]);
    wait(DELAY - 1);
    assert.equal(ring.signing, 'A');
    wait(1);
    assert.deepEqual([ring.signing, sorted(ring)], ['B', ['A', 'B']]);
  });

  it('sign with the previous key when the process is new: the other instances may not have the new one', () => {
    const { ring, wait } = createRing();
    assert.equal(ring.set({ key: 'B', previousKey: 'A' }), DELAY);
    assert.equal(ring.signing, 'A');
    wait(DELAY);
    assert.equal(ring.signing, 'B');
  });

  it('accept a key that was taken away until its last token has expired on every instance', () => {
    const { ring, wait } = createRing('A');
    ring.set({ key: 'B', previousKey: '' });
    wait(2 * DELAY + TTL);
    assert.deepEqual(sorted(ring), ['A', 'B']);
    wait(1);
    assert.deepEqual(sorted(ring), ['B']);
  });

  it('accept the key that signs, however often others come and go before they do', () => {
    const { ring, wait } = createRing('A');
    for (let change = 0; change < 3 * TTL; change += DELAY - 1) {
      ring.set({ key: `B${change}`, previousKey: '' });
      assert.equal(ring.signing, 'A');
      assert.ok(ring.accepted.includes('A'));
      wait(DELAY - 1);
    }
    assert.ok(ring.accepted.length <= MAX_KEYS);
  });

  it('go back to the key before when the change is taken back', () => {
    const { ring, wait } = createRing('A');
    ring.set({ key: 'B', previousKey: 'A' });
    assert.equal(ring.set({ key: 'A', previousKey: '' }), 0);
    wait(DELAY);
    assert.deepEqual([ring.signing, sorted(ring)], ['A', ['A', 'B']]);
  });

  it('keep the time of a change when they are read again', () => {
    const { ring, wait } = createRing('A');
    ring.set({ key: 'B', previousKey: 'A' });
    wait(100);
    assert.equal(ring.set({ key: 'B', previousKey: 'A' }), DELAY - 100);
  });

  it('do not sign with a key that an instance started now would not know, where there is another', () => {
    for (const [next, signing] of [
      [{ key: 'B', previousKey: '' }, 'B'],
      [{ key: 'C', previousKey: 'B' }, 'B'],
    ] as const) {
      const { ring, wait } = createRing();
      ring.set({ key: 'B', previousKey: 'A' });
      wait(DELAY / 2);
      ring.set(next);
      assert.equal(ring.signing, signing);
      wait(DELAY);
      assert.equal(ring.signing, next.key);
      assert.ok(ring.accepted.includes('A'));
    }
  });

  it('take a key that was the new one before its time and is the previous one now', () => {
    const { ring, wait } = createRing('A');
    ring.set({ key: 'A', previousKey: 'B' });
    assert.deepEqual([ring.signing, sorted(ring)], ['A', ['A', 'B']]);
    ring.set({ key: 'B', previousKey: 'A' });
    wait(DELAY);
    assert.equal(ring.signing, 'B');
  });

  it(`are ${MAX_KEYS} at most: those that were taken away first go first`, () => {
    const { ring, wait } = createRing('A');
    for (const key of 'BCDEFGHIJKL') {
      ring.set({ key, previousKey: '' });
      wait(DELAY);
      assert.equal(ring.signing, key);
    }
    assert.deepEqual(sorted(ring), ['E', 'F', 'G', 'H', 'I', 'J', 'K', 'L']);
  });
});

function createRing(key = ''): { ring: KeyRing; wait: (seconds: number) => void } {
  let now = 1_700_000_000_000;
  const ring = new KeyRing({ ttlSeconds: TTL, delaySeconds: DELAY, now: () => now });
  if (key !== '') ring.set({ key, previousKey: '' });
  return { ring, wait: (seconds) => (now += seconds * 1000) };
}

function sorted({ accepted }: KeyRing): string[] {
  return [...accepted].sort();
}
