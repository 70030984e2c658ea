import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TOOLS } from '../../scripts/tools.ts';
import { freePort } from '../../testkit/free-port.ts';
import { ServiceProcess } from '../../testkit/process.ts';
import { RedisServer } from '../../testkit/redis.ts';
import { Ledger } from './support/ledger.ts';
import { PLATFORMS } from './support/platforms.ts';

const withRedis = { skip: TOOLS.redis.find() === undefined && 'redis-server is missing' };
const SOON = { RETRY_AFTER_MIN_SECONDS: '0.2', RETRY_AFTER_MAX_SECONDS: '0.4', DRAIN_SPREAD_SECONDS: '0' };

for (const { name, skip, start } of PLATFORMS)
  describe(`The client in ${name}`, { skip, concurrency: true }, () => {
    it('goes on counting through drains, each time after the wait that the bye asked for', async (t) => {
      const env = { ...SOON, PORT: String(await freePort()), RESUME_TOKEN_KEY: 'a key that is long enough for a test' };
      let service = await ServiceProcess.start(t, env);
      const client = await start(t, service.url);
      const ledger = new Ledger(client);
      for (let drain = 0; drain < 2; drain += 1) {
        await client.next('count');
        service.signal('SIGTERM');
        const { retry_after_ms: asked } = await client.next('leaving');
        assert.equal((await client.next('close')).code, 1001);
        assert.deepEqual(await client.next('waiting'), { ms: asked, asked: true });
        await service.exited;
        service = await ServiceProcess.start(t, env);
        await client.next('open');
      }
      await client.next('count');
      await ledger.stop();
      ledger.check();
    });

    it('goes on counting where the service is killed, over a strict store', withRedis, async (t) => {
      const store = await RedisServer.start(t);
      const port = await freePort();
      const env = { ...SOON, PORT: String(port), REDIS_URL: store.url, SESSION_DURABILITY: 'strict' };
      let service = await ServiceProcess.start(t, env);
      const client = await start(t, service.url, { backoffMs: 50 });
      const ledger = new Ledger(client);
      for (let kill = 0; kill < 2; kill += 1) {
        await client.next('count');
        service.signal('SIGKILL');
        assert.equal((await client.next('close')).code, 1006);
        assert.equal((await client.next('waiting')).asked, false);
        service = await ServiceProcess.start(t, env);
        await client.next('open');
      }
      await client.next('count');
      await ledger.stop();
      ledger.check();
    });

    it('leaves a connection that is silent, and comes back once the server does', async (t) => {
      const heartbeatMs = 500;
      const service = await ServiceProcess.start(t, { HEARTBEAT_INTERVAL_SECONDS: String(heartbeatMs / 1000) });
      const client = await start(t, service.url, { heartbeatMs, connectTimeoutMs: 500, backoffMs: 50 });
      const ledger = new Ledger(client);
      await client.next('heartbeat');
      service.signal('SIGSTOP');
      const frozenAt = performance.now();
      const { code, reason, unanswered } = await client.next('close');
      assert.deepEqual([code, reason], [1006, 'silent']);
      assert.ok(performance.now() - frozenAt > heartbeatMs, 'it did not wait for heartbeats');
      assert.ok(unanswered > 0);
      await client.next('waiting');
      service.signal('SIGCONT');
      await client.next('open');
      await client.next('count');
      await ledger.stop();
      ledger.check();
    });

    it('waits as 1013 asks while the store is away, and goes on with its count', withRedis, async (t) => {
      const store = await RedisServer.start(t);
      const env = { ...SOON, REDIS_URL: store.url, SESSION_DURABILITY: 'strict', STORE_TIMEOUT_SECONDS: '0.3' };
      const service = await ServiceProcess.start(t, env);
      const client = await start(t, service.url);
      const ledger = new Ledger(client);
      await client.next('count');
      await store.kill();
      for (let turnedAway = 0; turnedAway < 2; turnedAway += 1) {
        const { code, reason } = await client.next('close');
        assert.equal(code, 1013);
        const { ms, asked } = await client.next('waiting');
        assert.deepEqual([`retry_after_ms=${ms}`, asked], [reason, true]);
      }
      await store.restart();
      await client.next('count');
      await ledger.stop();
      ledger.check();
    });
  });
