import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryStore } from '../src/sessions/memory-store.ts';
import { StoreFullError, type SessionId } from '../src/sessions/session-store.ts';

describe('The memory store', () => {
  it('keeps a session for its time after the last connection let go, and no longer', () => {
    const { store, pass } = createStore({ ttlSeconds: 10 });
    count(store, 'a', 3);
    pass(9);
    assert.equal(resume(store, 'a'), 3);
    pass(9);
    assert.equal(resume(store, 'a'), 3, 'each use restarts the time');
    pass(11);
    assert.equal(resume(store, 'a'), undefined);
  });

  it('forgets sessions that ran out without being asked for them', () => {
    const { store, pass } = createStore({ ttlSeconds: 10 });
    count(store, 'a', 1);
    pass(6);
    count(store, 'b', 1);
    pass(6);
    store.expire();
    assert.equal(store.size, 1);
    assert.equal(resume(store, 'b'), 1);
  });

  it('never lets a session run out that a connection holds', () => {
    const { store, pass } = createStore({ ttlSeconds: 10 });
    const { session } = store.open('a' as SessionId);
    store.add(session);
    pass(1000);
    store.expire();
    assert.equal(store.add(session), 2);
  });

  it('keeps nothing of a session that counted nothing', () => {
    const { store } = createStore({});
    store.release(store.open('a' as SessionId).session);
    assert.equal(store.size, 0);
  });

  it('refuses a session beyond its bound, and takes one again when one has run out', () => {
    const { store, pass } = createStore({ ttlSeconds: 10, maxSessions: 2 });
    count(store, 'a', 1);
    count(store, 'b', 1);
    assert.throws(() => store.open('c' as SessionId), StoreFullError);
    assert.equal(resume(store, 'a'), 1);
    pass(11);
    store.expire();
    store.open('c' as SessionId);
  });
});

function createStore({ ttlSeconds = 60, maxSessions = 100 }): { store: MemoryStore; pass: (seconds: number) => void } {
  let now = 0;
  const store = new MemoryStore({ ttlSeconds, maxSessions, now: () => now });
  return { store, pass: (seconds) => (now += seconds * 1000) };
}

function count(store: MemoryStore, id: string, times: number): void {
  const { session } = store.open(id as SessionId);
  for (let time = 0; time < times; time += 1) store.add(session);
  store.release(session);
}

/** The count a resumed session has; `undefined` if it is new. */
function resume(store: MemoryStore, id: string): number | undefined {
  const { session, resumed } = store.open(id as SessionId);
  store.release(session);
  return resumed ? session.count : undefined;
}
