import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryStore } from '../src/sessions/memory-store.ts';
import {
  StoreUnavailableError,
  type OpenedSession,
  type Session,
  type SessionId,
} from '../src/sessions/session-store.ts';
import { startApp } from '../../testkit/app.ts';
import { Client } from '../../testkit/client.ts';
import { ask, handshake } from '../../testkit/raw-client.ts';
import { RedisServer } from '../../testkit/redis.ts';
import { storedCount, until } from './support/shared-store.ts';
import { newId } from './support/store-battery.ts';

/** A memory store that fails as it is told to, and answers as late as a store over a network. */
class FailingStore extends MemoryStore {
  failure: Error | undefined;

  constructor() {
    super({ ttlSeconds: 60, maxSessions: 100 });
  }

  override open(id: SessionId): OpenedSession {
    // A real store over a network answers later; the interface allows both.
    return Promise.resolve().then(() => {
      if (this.failure !== undefined) throw this.failure;
      return super.open(id);
    }) as unknown as OpenedSession;
  }

  override add(session: Session): number {
    if (this.failure !== undefined) throw this.failure;
    return super.add(session);
  }
}

describe('A store that is away', () => {
  it('closes the connection of a message with 1013 and a delay; the count is not lost', async (t) => {
    const store = new FailingStore();
    const { url, scrape } = await startApp(t, {}, { store });
    const client = await Client.open(`${url}?session_id=6f1f7a5e-0000-4000-8000-000000000001`);
    assert.equal(await client.count(), 1);
    store.failure = new StoreUnavailableError('the store is away');
    client.socket.send('lost?');
    const closed = await client.closed;
    assert.equal(closed.code, 1013);
    assert.match(closed.reason, /^retry_after_ms=\d+$/);
    store.failure = undefined;
    const again = await Client.open(`${url}?session_id=6f1f7a5e-0000-4000-8000-000000000001`);
    assert.equal(await again.count(), 2);
    const metrics = await scrape();
    assert.equal(metrics.value('websocket_errors_total{type="store"}'), 1);
    assert.equal(metrics.value('websocket_messages_rejected_total{reason="store"}'), 1);
    assert.equal(metrics.value('websocket_connections_closed_total{code="1013",initiator="server"}'), 1);
  });

  it('gives each client a delay of its own, so that those closed together do not come back together', async (t) => {
    const store = new FailingStore();
    const range = { RETRY_AFTER_MIN_SECONDS: '1', RETRY_AFTER_MAX_SECONDS: '2' };
    const { url } = await startApp(t, range, { store });
    const clients = await Promise.all(Array.from({ length: 20 }, () => Client.open(url)));
    store.failure = new StoreUnavailableError('the store is away');
    for (const client of clients) client.socket.send('lost?');
    const reasons = await Promise.all(clients.map(async ({ closed }) => (await closed).reason));
    const delays = reasons.map((reason) => Number(reason.replace('retry_after_ms=', '')));
    assert.ok(Math.min(...delays) >= 1000 && Math.max(...delays) <= 2000, delays.join());
    assert.ok(new Set(delays).size > 1, delays.join());
  });

  it('lets a handshake in only to close it with 1013: a browser could not see a refused one', async (t) => {
    const store = new FailingStore();
    const { url, scrape } = await startApp(t, {}, { store });
    store.failure = new StoreUnavailableError('the store is away');
    const closed = await new Client(url).closed;
    assert.equal(closed.code, 1013);
    assert.match(closed.reason, /^retry_after_ms=\d+$/);
    assert.equal((await scrape()).value('websocket_errors_total{type="store"}'), 1);
  });
});

describe('A Redis that is killed, and restarted empty', () => {
  it('is told of by 1013, metrics and the log; its sessions go on where they were', async (t) => {
    const redis = await RedisServer.start(t);
    const env = {
      REDIS_URL: redis.url,
      SESSION_DURABILITY: 'strict',
      STORE_TIMEOUT_SECONDS: '0.5',
      RETRY_AFTER_MAX_SECONDS: '0.1',
      // Redis ends before the app does.
      DRAIN_TIMEOUT_SECONDS: '1',
      CLOSE_TIMEOUT_SECONDS: '0.2',
    };
    const { url, scrape, log } = await startApp(t, env);
    const storeUp = async (): Promise<number> => (await scrape()).value('websocket_store_up');
    const id = newId();
    const session = `${url}?session_id=${id}`;
    const { client, count } = await Client.counted(session);
    await redis.kill();
    client.socket.send('while it is away');
    assert.equal((await client.closed).code, 1013);
    assert.equal((await new Client(session).closed).code, 1013);
    assert.equal(await storeUp(), 0);
    assert.ok((await scrape()).value('websocket_store_errors_total{operation="write",reason="unreachable"}') > 0);
    await redis.restart();
    await until(async () => (await storeUp()) === 1);
    assert.equal(storedCount(redis, id), count + 1, 'the message that was on its way counted once');
    assert.ok((await Client.counted(session)).count > count + 1);
    const metrics = await scrape();
    assert.equal(metrics.value('websocket_store_pending_messages'), 0);
    assert.equal(metrics.value('websocket_store_errors_total{operation="read",reason="lost_data"}'), 1);
    const lines = (await log()).filter(({ event }) => event.startsWith('store_'));
    const told = lines.map(({ event, level }) => `${event} ${level}`);
    const lost = told.indexOf('store_lost ERROR');
    assert.ok(told.slice(0, lost).includes('store_unavailable ERROR'), told.join());
    assert.ok(told.slice(lost).includes('store_available INFO'), told.join());
  });
});

describe('An error that no code expected', () => {
  it('while counting closes that one connection with 1011, and is logged as ERROR with its stack', async (t) => {
    const store = new FailingStore();
    const { url, scrape, log } = await startApp(t, {}, { store });
    const other = await Client.open(url);
    const client = await Client.open(url);
    store.failure = new TypeError('a bug');
    client.socket.send('hello');
    assert.equal((await client.closed).code, 1011);
    store.failure = undefined;
    assert.equal(await other.count(), 1);
    const metrics = await scrape();
    assert.equal(metrics.value('websocket_errors_total{type="internal"}'), 1);
    const line = (await log()).find(({ event }) => event === 'websocket_internal_error');
    assert.equal(line?.level, 'ERROR');
    assert.match((line['error'] as { stack: string }).stack, /a bug/);
  });

  it('while opening a session is answered with 500', async (t) => {
    const store = new FailingStore();
    const { port } = await startApp(t, {}, { store });
    store.failure = new TypeError('a bug');
    const answer = await ask(port, handshake());
    assert.equal(answer.status, 500);
    assert.equal(answer.body['error'], 'internal');
    assert.ok(!String(answer.body['message']).includes('a bug'), 'a client is not told of our insides');
  });
});
