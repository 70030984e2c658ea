import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startApp } from '../../testkit/app.ts';
import { Client } from '../../testkit/client.ts';
import { freePort } from '../../testkit/free-port.ts';
import { PLATFORMS } from './support/platforms.ts';

const SOON = { RETRY_AFTER_MIN_SECONDS: '0.2', RETRY_AFTER_MAX_SECONDS: '0.4' };
const SESSION = '3f2b8c1e-7d4a-4f0e-9b6a-2c5d8e1f0a9b';

for (const { name, skip, start } of PLATFORMS)
  describe(`The client in ${name}`, { skip }, () => {
    for (const [full, error, env] of [
      ['the service is full', 'capacity', { MAX_CONNECTIONS: '1' }],
      ['its address has too many connections', 'address_connections', { MAX_CONNECTIONS_PER_ADDRESS: '1' }],
    ] as const)
      it(`waits as it is asked while ${full}, and connects once there is room`, async (t) => {
        const { url } = await startApp(t, { ...SOON, ...env });
        const other = await Client.open(url);
        const client = await start(t, url);
        for (let refused = 0; refused < 2; refused += 1) {
          const refusal = await client.next('refused');
          assert.equal(refusal.error, error);
          assert.deepEqual(await client.next('waiting'), { ms: refusal.retryAfterMs, asked: true });
        }
        await other.close();
        await client.next('open');
        assert.deepEqual(await client.send('hello'), { count: 1 });
      });

    it('waits as it is asked where handshakes come too fast from its address', async (t) => {
      // None is allowed again while the test runs, however slow the machine is: a service that starts again allows one.
      const env = { ...SOON, PORT: String(await freePort()), HANDSHAKE_RATE_PER_ADDRESS: '0.001' };
      const { app, url } = await startApp(t, env);
      await Client.open(url);
      const client = await start(t, url);
      const refusal = await client.next('refused');
      assert.deepEqual([refusal.status, refusal.error], [429, 'rate']);
      assert.deepEqual(await client.next('waiting'), { ms: refusal.retryAfterMs, asked: true });
      await app.drain('it starts again');
      await startApp(t, env);
      await client.next('open');
    });

    it('goes on without a resume token that is refused', async (t) => {
      const { url } = await startApp(t);
      const client = await start(t, url, { sessionId: SESSION, resumeToken: 'forged', backoffMs: 10 });
      assert.equal((await client.next('refused')).error, 'resume_token');
      assert.equal((await client.next('open')).sessionId, SESSION);
      assert.deepEqual(await client.send('hello'), { count: 1 });
    });

    it('stops where the address is wrong, and rejects what was not sent', async (t) => {
      const { origin } = await startApp(t);
      const client = await start(t, `${origin}/elsewhere/`);
      const sent = client.send('hello');
      const stopped = await client.next('stopped');
      assert.deepEqual(stopped.reason === 'refused' && [stopped.status, stopped.error], [404, 'not_found']);
      assert.deepEqual(await sent, { sent: false });
      assert.deepEqual(await client.send('hello'), { sent: false });
    });

    it('stops where the session is not a UUID', async (t) => {
      const { url } = await startApp(t);
      const client = await start(t, url, { sessionId: 'mine' });
      const stopped = await client.next('stopped');
      assert.deepEqual(stopped.reason === 'refused' && [stopped.status, stopped.error], [400, 'malformed']);
    });

    it('stops at a message that is too big', async (t) => {
      const { url } = await startApp(t, { MAX_MESSAGE_BYTES: '10' });
      const client = await start(t, url);
      await client.next('open');
      assert.deepEqual(await client.send('ten bytes.'), { count: 1 });
      assert.deepEqual(await client.send('eleven byte'), { sent: true });
      assert.deepEqual(await client.next('stopped'), { reason: 'close_code', code: 1009 });
    });

    it('backs off, and goes on, where it sends too fast', async (t) => {
      const { url } = await startApp(t, { MESSAGE_RATE: '1', MESSAGE_BURST: '1' });
      const client = await start(t, url, { maxBackoffMs: 100 });
      await client.next('open');
      const results = [client.send('one'), client.send('two')];
      assert.deepEqual(await Promise.all(results), [{ count: 1 }, { sent: true }]);
      assert.equal((await client.next('close')).code, 1008);
      assert.equal((await client.next('waiting')).asked, false);
      await client.next('open');
      assert.deepEqual(await client.send('three'), { count: 2 });
    });

    it('keeps trying where nobody listens', async (t) => {
      const client = await start(t, `ws://127.0.0.1:${await freePort()}/ws/chat/`, { backoffMs: 10 });
      for (let attempt = 0; attempt < 3; attempt += 1) {
        assert.equal((await client.next('close')).code, 1006);
        assert.equal((await client.next('waiting')).asked, false);
      }
      assert.ok(!client.events.some(({ type }) => type === 'refused'));
    });
  });

describe('A page whose Origin may not connect', () => {
  for (const { name, skip, start } of PLATFORMS.filter(({ sendsOrigin }) => sendsOrigin))
    it(`stops, in ${name}`, { skip }, async (t) => {
      const { url } = await startApp(t, { ALLOWED_ORIGINS: 'https://app.example.com' });
      const client = await start(t, url);
      const stopped = await client.next('stopped');
      assert.deepEqual(stopped.reason === 'refused' && [stopped.status, stopped.error], [403, 'origin']);
    });
});
