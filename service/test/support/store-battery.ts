import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import type { OpenOptions, Session, SessionId, SessionStore } from '../../src/sessions/session-store.ts';
import type { Cleanup } from '../../../testkit/redis.ts';

/** What every store must do, whatever it keeps sessions in. */
export function storeBattery(name: string, open: (t: Cleanup) => SessionStore | Promise<SessionStore>): void {
  describe(name, () => {
    it('counts from 1, in order, however many are asked for at once', async (t) => {
      const store = await open(t);
      const { session, resumed } = await store.open(newId(), { fresh: true });
      assert.equal(resumed, false);
      const counts = await Promise.all(Array.from({ length: 100 }, async () => store.add(session)));
      assert.deepEqual(
        counts,
        Array.from({ length: 100 }, (_, index) => index + 1),
      );
    });

    it('resumes a session at the count it had, and does not know one that never was', async (t) => {
      const store = await open(t);
      const id = newId();
      assert.equal(await countOnce(store, id), 1);
      assert.equal(await countOnce(store, id), 2);
      const again = await store.open(id);
      assert.equal(again.resumed, true);
      assert.equal(again.session.count, 2);
      const other = await store.open(newId());
      assert.equal(other.resumed, false);
      assert.equal(other.session.count, 0);
    });

    it('shares one session between connections, losing and doubling nothing', async (t) => {
      const store = await open(t);
      const id = newId();
      const sessions = await Promise.all(Array.from({ length: 5 }, async () => (await store.open(id)).session));
      const counts = await Promise.all(
        sessions.flatMap((session) => Array.from({ length: 20 }, async () => store.add(session))),
      );
      assert.deepEqual(
        counts.toSorted((one, other) => one - other),
        Array.from({ length: 100 }, (_, index) => index + 1),
      );
    });

    it('has settled a count before the bye says it', async (t) => {
      const store = await open(t);
      const { session } = await store.open(newId(), { fresh: true });
      const counts = [1, 2, 3].map(async () => store.add(session));
      await store.settle(session);
      assert.equal(session.count, 3);
      assert.equal(store.settle(session), undefined, 'nothing waits any more');
      await Promise.all(counts);
    });

    it('goes on from a floor, and from what it knows where that is more', async (t) => {
      const store = await open(t);
      const id = newId();
      assert.equal(await countOnce(store, id, { floor: 10 }), 11);
      assert.equal(await countOnce(store, id, { floor: 5 }), 12);
      assert.equal(await countOnce(store, id), 13);
    });

    it('keeps nothing in this process of a session that counted nothing', async (t) => {
      const store = await open(t);
      store.release((await store.open(newId(), { fresh: true })).session);
      store.release((await store.open(newId())).session);
      await store.flush();
      assert.equal(store.size, 0);
    });
  });
}

/** An id that no one used before. */
export function newId(): SessionId {
  return randomUUID() as SessionId;
}

/** Opens a session, counts one message, lets go. */
export async function countOnce(store: SessionStore, id: SessionId, options: OpenOptions = {}): Promise<number> {
  const { session } = await store.open(id, options);
  const count = await store.add(session);
  store.release(session);
  return count;
}

/** Counts some messages at once. */
export function countMany(store: SessionStore, session: Session, messages: number): Promise<number[]> {
  return Promise.all(Array.from({ length: messages }, async () => store.add(session)));
}
