import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { TOOLS } from '../../scripts/tools.ts';
import { freePort } from '../../testkit/free-port.ts';
import { ServiceProcess } from '../../testkit/process.ts';
import { RedisServer } from '../../testkit/redis.ts';
import type { ClientOptions } from '../client.js';
import { Ledger } from './support/ledger.ts';
import { PLATFORMS, type Subject } from './support/platforms.ts';

const withRedis = { skip: TOOLS.redis.find() === undefined && 'redis-server is missing' };
const SOON = { RETRY_AFTER_MIN_SECONDS: '0.2', RETRY_AFTER_MAX_SECONDS: '0.4', DRAIN_SPREAD_SECONDS: '0' };
const HERE = PLATFORMS.filter(({ skip }) => skip === false);

describe(`The client in ${HERE.map(({ name }) => name).join(' and in ')}`, { concurrency: true }, () => {
  it('goes on counting through drains, each time after the wait that the bye asked for', async (t) => {
    const env = { ...SOON, PORT: String(await freePort()), RESUME_TOKEN_KEY: 'a key that is long enough for a test' };
    let service = await ServiceProcess.start(t, env);
    const clients = await Clients.start(t, service.url);
    for (let drain = 0; drain < 2; drain += 1) {
      await clients.each((client) => client.next('count'));
      service.signal('SIGTERM');
      await clients.each(async (client) => {
        const { retry_after_ms: asked } = await client.next('leaving');
        assert.equal((await client.next('close')).code, 1001);
        assert.deepEqual(await client.next('waiting'), { ms: asked, asked: true });
      });
      await service.exited;
      service = await ServiceProcess.start(t, env);
      await clients.each((client) => client.next('open'));
    }
    await clients.check();
  });

  it('goes on counting where the service is killed, over a strict store', withRedis, async (t) => {
    const store = await RedisServer.start(t);
    const port = await freePort();
    const env = { ...SOON, PORT: String(port), REDIS_URL: store.url, SESSION_DURABILITY: 'strict' };
    let service = await ServiceProcess.start(t, env);
    const clients = await Clients.start(t, service.url, { backoffMs: 50 });
    for (let kill = 0; kill < 2; kill += 1) {
      await clients.each((client) => client.next('count'));
      service.signal('SIGKILL');
      await clients.each(async (client) => {
        assert.equal((await client.next('close')).code, 1006);
        assert.equal((await client.next('waiting')).asked, false);
      });
      service = await ServiceProcess.start(t, env);
      await clients.each((client) => client.next('open'));
    }
    await clients.check();
  });

  it('leaves a connection that is silent, and comes back once the server does', async (t) => {
    const heartbeatMs = 1500;
    const service = await ServiceProcess.start(t, { HEARTBEAT_INTERVAL_SECONDS: String(heartbeatMs / 1000) });
    const clients = await Clients.start(t, service.url, { heartbeatMs, connectTimeoutMs: 3000, backoffMs: 50 });
    await clients.each((client) => client.next('heartbeat'));
    service.signal('SIGSTOP');
    const frozenAt = performance.now();
    await clients.each(async (client) => {
      const { code, reason, unanswered } = await client.next('close');
      assert.deepEqual([code, reason], [1006, 'silent']);
      assert.ok(performance.now() - frozenAt > heartbeatMs, 'it did not wait for heartbeats');
      assert.ok(unanswered > 0);
      await client.next('waiting');
    });
    service.signal('SIGCONT');
    await clients.each((client) => client.next('open'));
    await clients.check();
  });

  it('waits as 1013 asks while the store is away, and goes on with its count', withRedis, async (t) => {
    const store = await RedisServer.start(t);
    const env = { ...SOON, REDIS_URL: store.url, SESSION_DURABILITY: 'strict', STORE_TIMEOUT_SECONDS: '0.3' };
    const service = await ServiceProcess.start(t, env);
    const clients = await Clients.start(t, service.url);
    await clients.each((client) => client.next('count'));
    await store.kill();
    await clients.each(async (client) => {
      for (let turnedAway = 0; turnedAway < 2; turnedAway += 1) {
        const { code, reason } = await client.next('close');
        assert.equal(code, 1013);
        const { ms, asked } = await client.next('waiting');
        assert.deepEqual([`retry_after_ms=${ms}`, asked], [reason, true]);
      }
    });
    await store.restart();
    await clients.check();
  });
});

/** A client on each platform, all sending: they share a service, and what happens to it. */
class Clients {
  readonly #all: readonly { readonly client: Subject; readonly ledger: Ledger }[];

  private constructor(clients: readonly Subject[]) {
    this.#all = clients.map((client) => ({ client, ledger: new Ledger(client) }));
  }

  static async start(t: TestContext, url: string, options?: ClientOptions): Promise<Clients> {
    return new Clients(await Promise.all(HERE.map(({ start }) => start(t, url, options))));
  }

  async each(work: (client: Subject) => Promise<unknown>): Promise<void> {
    await Promise.all(this.#all.map(({ client }) => work(client)));
  }

  /** Waits until each is told one more count, and checks all that it was told. */
  async check(): Promise<void> {
    await this.each((client) => client.next('count'));
    await Promise.all(this.#all.map(({ ledger }) => ledger.stop()));
    for (const { ledger } of this.#all) ledger.check();
  }
}
