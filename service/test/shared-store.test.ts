import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { MemoryStore } from '../src/sessions/memory-store.ts';
import { StoreUnavailableError, type Session, type SessionId } from '../src/sessions/session-store.ts';
import { LossyProxy } from '../../testkit/lossy-proxy.ts';
import { RedisServer } from '../../testkit/redis.ts';
import { IMPATIENT, opened, openStore, until, type OpenedStore } from './support/shared-store.ts';
import { countMany, countOnce, newId, storeBattery } from './support/store-battery.ts';

const redis = await RedisServer.start({ after });

storeBattery('A store in memory', (t) => {
  const store = new MemoryStore({ ttlSeconds: 60, maxSessions: 1000 });
  t.after(() => store.close());
  return store;
});
for (const durability of ['relaxed', 'strict'] as const)
  storeBattery(`A ${durability} store in Redis`, (t) => openStore(t, redis.url, { durability }));

for (const durability of ['relaxed', 'strict'] as const)
  describe(`Two processes with a ${durability} store`, () => {
    it('that hold one session at once lose and double nothing', async (t) => {
      const stores = [1, 2, 3].map(() => openStore(t, redis.url, { durability }));
      const id = newId();
      await Promise.all(
        stores.map(async (store) => {
          const { session } = await store.open(id);
          for (let round = 0; round < 20; round += 1) await countMany(store, session, 5);
          store.release(session);
          await store.flush();
        }),
      );
      assert.equal((await openStore(t, redis.url).open(id)).session.count, 300);
    });

    it('never tell a client less than the other told it, though both hold the session', async (t) => {
      const [here, there] = [openStore(t, redis.url, { durability }), openStore(t, redis.url, { durability })];
      const id = newId();
      const halfOpen = (await here.open(id)).session;
      assert.equal(await here.add(halfOpen), 1);
      await here.flush();
      const moved = (await there.open(id)).session;
      assert.equal((await countMany(there, moved, 5)).at(-1), 6);
      there.release(moved);
      await there.flush();
      assert.equal(await countOnce(here, id), 7);
    });
  });

describe('A session in Redis', () => {
  it('expires by its time, which each use restarts', async (t) => {
    const store = openStore(t, redis.url, { ttlSeconds: 30 });
    const id = newId();
    await countOnce(store, id);
    const key = keyOf(id);
    redis.cli('EXPIRE', key, '5');
    await countOnce(store, id);
    await store.flush();
    assert.ok(Number(redis.cli('TTL', key)) > 25);
    redis.cli('DEL', key);
    assert.equal((await store.open(id)).resumed, false);
  });
});

describe('A process that ends', () => {
  it('leaves its sessions in the store, and no key of its own', async (t) => {
    const own = await RedisServer.start(t);
    const store = openStore(t, own.url, { durability: 'strict' });
    const id = newId();
    await countOnce(store, id);
    await store.flush();
    const [key = ''] = own.cli('KEYS', '*:writer:*').split('\n');
    assert.ok(Number(own.cli('TTL', key)) > 86_000);
    await store.close();
    assert.ok(Number(own.cli('TTL', key)) <= 1);
    assert.equal(own.cli('GET', keyOf(id)), '1');
  });

  it('does not wait for a store that stands still', async (t) => {
    const own = await RedisServer.start(t);
    const store = openStore(t, own.url, { timeoutSeconds: 30 });
    await countOnce(store, newId());
    await store.flush();
    own.signal('SIGSTOP');
    const startedAt = performance.now();
    await store.close();
    assert.ok(performance.now() - startedAt < 10_000);
  });
});

describe('A store that is asked before it is connected', () => {
  it('waits for its first connection, and tells of no failure', async (t) => {
    const store = openStore(t, redis.url);
    const { session } = await store.open(newId());
    assert.equal(await store.add(session), 1);
    assert.deepEqual(store.errors, []);
  });
});

describe('Messages of many sessions in one loop turn', () => {
  it('take one round trip', async (t) => {
    const own = await RedisServer.start(t);
    const store = openStore(t, own.url);
    await until(() => store.health.up);
    const opening = Array.from({ length: 200 }, async () => store.open(newId(), { fresh: true }));
    const sessions = (await Promise.all(opening)).map(({ session }) => session);
    // The first makes the server know the script.
    await store.add(sessions[0] as Session);
    own.cli('CONFIG', 'RESETSTAT');
    await Promise.all(sessions.map((session) => countMany(store, session, 2)));
    assert.match(own.cli('INFO', 'commandstats'), /cmdstat_evalsha:calls=1,/);
  });
});

describe('A process that was stalled for longer than anyone waits', () => {
  const timeoutSeconds = 5;

  it('finds the replies that came meanwhile, and gives no one up', async (t) => {
    const own = await RedisServer.start(t);
    const store = openStore(t, own.url, { timeoutSeconds });
    const { session, count } = await addWhilePaused(own, store);
    standStill(own, session);
    assert.equal(await count, 2);
    assert.deepEqual(store.errors, []);
  });

  it('does so where it stands still between a look at the time and one at the replies', async (t) => {
    const own = await RedisServer.start(t);
    let work = (): void => undefined;
    // As often as the store looks for who waited too long, and each time in front of it.
    const timer = setInterval(() => {
      setImmediate(() => {
        work();
      });
    }, 250);
    const store = openStore(t, own.url, { timeoutSeconds });
    const { session, count } = await addWhilePaused(own, store);
    work = () => {
      clearInterval(timer);
      standStill(own, session);
    };
    assert.equal(await count, 2);
    assert.deepEqual(store.errors, []);
  });

  /** Adds to a session that has 1; the batch is written, and its reply kept back. */
  async function addWhilePaused(
    own: RedisServer,
    store: OpenedStore,
  ): Promise<{ session: Session; count: Promise<number> }> {
    const { session } = await store.open(newId());
    assert.equal(await store.add(session), 1);
    own.cli('CLIENT', 'PAUSE', '60000', 'WRITE');
    const count = Promise.resolve(store.add(session));
    // One turn makes the batch, the next one writes it.
    for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
    return { session, count };
  }

  /** The reply comes while this process waits for redis-cli, and reads nothing. */
  function standStill(own: RedisServer, { id }: Session): void {
    assert.equal(own.cli('GET', keyOf(id)), '1');
    own.cli('CLIENT', 'UNPAUSE');
    while (own.cli('GET', keyOf(id)) !== '2');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, timeoutSeconds * 1000 + 300);
  }
});

describe('A reply lost on the way', () => {
  it('does not count twice, and the counts told are exact though another process added meanwhile', async (t) => {
    const proxy = await LossyProxy.start(t, redis.port);
    const store = openStore(t, `redis://127.0.0.1:${proxy.port}`);
    const other = openStore(t, redis.url);
    const id = newId();
    const { session } = await store.open(id);
    const { session: elsewhere } = await other.open(id);
    let expected = 0;
    for (let round = 0; round < 10; round += 1) {
      // What the reconnect wrote again would be a batch of its own, without messages.
      await store.flush();
      proxy.lose = 1;
      const counting = countMany(store, session, 3);
      await until(() => proxy.lost === round + 1);
      assert.equal(await other.add(elsewhere), expected + 4);
      assert.deepEqual(await counting, [expected + 1, expected + 2, expected + 3]);
      expected += 4;
    }
    assert.equal(await store.add(session), expected + 1);
  });
});

describe('A store that was away', { concurrency: 2 }, () => {
  for (const durability of ['relaxed', 'strict'] as const) {
    it(`${durability}, killed and restarted empty, is told what is known here: no count goes back`, async (t) => {
      const own = await RedisServer.start(t);
      const store = openStore(t, own.url, { durability });
      const id = newId();
      const { session } = await store.open(id);
      await countMany(store, session, 5);
      await store.flush();
      await own.kill();
      await own.restart();
      await until(() => store.health.up && own.cli('GET', keyOf(id)) === '5');
      assert.equal(await store.add(session), 6);
      await store.flush();
      assert.equal((await openStore(t, own.url).open(id)).session.count, 6);
    });

    it(`${durability}, frozen for a while, has everything afterwards and nothing twice`, async (t) => {
      const own = await RedisServer.start(t);
      const store = openStore(t, own.url, { ...IMPATIENT, durability });
      const id = newId();
      const { session } = await store.open(id);
      assert.equal(await store.add(session), 1);
      own.signal('SIGSTOP');
      const counting = Promise.allSettled([1, 2].map(async () => store.add(session)));
      await until(() => store.errors.some((error) => error.endsWith('timeout')));
      own.signal('SIGCONT');
      const told = (await counting).flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      await store.flush();
      const count = (await openStore(t, own.url).open(id)).session.count;
      assert.equal(count, 3, 'what was in flight is there once');
      if (durability === 'relaxed') assert.deepEqual(told, [2, 3]);
    });
  }

  it('relaxed goes on counting, and writes everything when it is back', async (t) => {
    const own = await RedisServer.start(t);
    const store = openStore(t, own.url, { durability: 'relaxed' });
    const { session } = await store.open(newId());
    await own.kill();
    assert.equal((await countMany(store, session, 500)).at(-1), 500);
    await until(() => !store.health.up);
    assert.equal(store.health.pendingMessages, 500);
    await own.restart();
    await store.flush();
    assert.deepEqual(store.health, { up: true, pendingMessages: 0, pendingSessions: 0 });
    assert.equal(own.cli('GET', keyOf(session.id)), '500');
  });

  it('strict gives up who waits too long, and takes no more than its bound', async (t) => {
    const own = await RedisServer.start(t);
    const store = openStore(t, own.url, { ...IMPATIENT, maxPending: 10 });
    const { session } = await store.open(newId());
    own.signal('SIGSTOP');
    const waiting = Promise.allSettled(Array.from({ length: 10 }, async () => store.add(session)));
    assert.throws(() => store.add(session), StoreUnavailableError);
    for (const one of await waiting)
      assert.ok(one.status === 'rejected' && one.reason instanceof StoreUnavailableError);
    own.signal('SIGCONT');
  });

  it('refuses to open a session that it can not read, rather than begin at 0; a new one it can open', async (t) => {
    const own = await RedisServer.start(t);
    const store = openStore(t, own.url, { ...IMPATIENT, durability: 'relaxed' });
    const id = newId();
    await countOnce(store, id);
    await store.flush();
    await own.kill();
    await assert.rejects(async () => store.open(id), StoreUnavailableError);
    const { session } = await store.open(newId(), { fresh: true });
    assert.equal(await store.add(session), 1);
    await own.restart();
    await store.flush();
    assert.equal(store.size, 1, 'what could not be opened is not held');
  });
});

describe('A store that was restarted empty', { concurrency: true }, () => {
  it('lets nobody resume before other processes have written what they know', async (t) => {
    const own = await RedisServer.start(t);
    const proxy = await LossyProxy.start(t, own.port);
    const late = openStore(t, `redis://127.0.0.1:${proxy.port}`);
    // After a loss it waits for the others for twice its time-out, and a second.
    const early = openStore(t, own.url, { timeoutSeconds: 1 });
    const id = newId();
    await countMany(late, (await late.open(id)).session, 5);
    await opened(early, newId());
    proxy.refusing = true;
    await own.kill();
    await own.restart();
    await until(async () => {
      await assert.rejects(async () => early.open(id), StoreUnavailableError);
      return early.errors.includes('read lost_data');
    });
    proxy.refusing = false;
    assert.equal((await opened(early, id)).count, 5);
  });

  it('is told of a session whose client came back in vain', async (t) => {
    const own = await RedisServer.start(t);
    const store = openStore(t, own.url, IMPATIENT);
    await until(() => store.health.up);
    const id = newId();
    const { session } = await store.open(id);
    const { session: other } = await store.open(newId());
    await countMany(store, session, 5);
    await own.kill();
    // The batch that is tried again and again is of another session; this one waits for the next.
    await assert.rejects(async () => store.add(other), StoreUnavailableError);
    store.release(session);
    await assert.rejects(async () => store.open(id), StoreUnavailableError);
    await own.restart();
    await store.flush();
    assert.equal(own.cli('GET', keyOf(id)), '5');
  });
});

describe('A store that nobody writes to', () => {
  it('is found again after a restart, though the sessions held have no count to write', async (t) => {
    const own = await RedisServer.start(t);
    const store = openStore(t, own.url, IMPATIENT);
    const { session } = await store.open(newId(), { fresh: true });
    await until(() => store.health.up);
    await own.kill();
    await until(() => !store.health.up);
    await own.restart();
    await until(() => store.health.up);
    assert.equal(await store.add(session), 1);
  });

  it('is tried until it takes writes', async (t) => {
    const own = await RedisServer.start(t);
    own.cli('CONFIG', 'SET', 'maxmemory', '1');
    const store = openStore(t, own.url);
    await until(() => store.errors.includes('read out_of_memory'));
    own.cli('CONFIG', 'SET', 'maxmemory', '0');
    await until(() => store.health.up);
  });
});

describe('What a server refuses', { concurrency: true }, () => {
  const set =
    (...config: string[]) =>
    (server: RedisServer) =>
      server.cli(...config);
  const cases = [
    ['out_of_memory', set('CONFIG', 'SET', 'maxmemory', '1'), set('CONFIG', 'SET', 'maxmemory', '0')],
    ['read_only', set('REPLICAOF', '127.0.0.1', '1'), set('REPLICAOF', 'NO', 'ONE')],
    ['timeout', freeze, thaw],
  ] as const;
  for (const [reason, fault, repair] of cases)
    it(`for ${reason} is tried again until it is taken, once`, async (t) => {
      const own = await RedisServer.start(t);
      const store = openStore(t, own.url, { durability: 'relaxed', timeoutSeconds: 1.5 });
      const { session } = await store.open(newId(), { fresh: true });
      assert.equal(await store.add(session), 1);
      await store.flush();
      fault(own);
      assert.equal(await store.add(session), 2);
      await until(() => store.errors.includes(`write ${reason}`));
      repair(own);
      await store.flush();
      assert.equal(own.cli('GET', keyOf(session.id)), '2');
    });
});

function freeze(server: RedisServer): void {
  server.signal('SIGSTOP');
}

function thaw(server: RedisServer): void {
  server.signal('SIGCONT');
}

/** The key of a session: found, since its bucket is the store's affair. */
function keyOf(id: SessionId): string {
  let hash = 0;
  for (const character of id) hash = (hash * 31 + character.charCodeAt(0)) | 0;
  return `wmc:{b${(hash ^ (hash >>> 16)) & 63}}:${id}`;
}
