import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { minify } from 'terser';
import { runScript } from './support/script.ts';
import { startApp } from '../../testkit/app.ts';
import { Client } from '../../testkit/client.ts';
import { freePort } from '../../testkit/free-port.ts';
import { ServiceProcess } from '../../testkit/process.ts';
import { defaultConfig } from '../../service/src/config/options.ts';
import { CounterClient, DEFAULTS } from '../client.js';
import { PLATFORMS } from './support/platforms.ts';

const SESSION = '3f2b8c1e-7d4a-4f0e-9b6a-2c5d8e1f0a9b';

for (const { name, skip, start } of PLATFORMS)
  describe(`The client in ${name}`, { skip }, () => {
    it('resolves each message with its count, in order, also those sent before it is connected', async (t) => {
      const { url } = await startApp(t);
      const client = await start(t, url);
      const results = await Promise.all(Array.from({ length: 50 }, (_, index) => client.send(`message ${index}`)));
      assert.deepEqual(
        results,
        Array.from({ length: 50 }, (_, index) => ({ count: index + 1 })),
      );
    });

    it('says how many counts it missed: those of others in its session', async (t) => {
      const { url } = await startApp(t);
      const client = await start(t, url, { sessionId: SESSION });
      await client.send('one');
      assert.deepEqual(await client.next('count'), { count: 1, missed: 0 });
      const other = await Client.open(`${url}?session_id=${SESSION}`);
      assert.equal(await other.count(), 2);
      await client.send('three');
      assert.deepEqual(await client.next('count'), { count: 3, missed: 1 });
    });

    it('says so where the server has lost its count', async (t) => {
      const port = String(await freePort());
      const service = await ServiceProcess.start(t, { PORT: port });
      const client = await start(t, service.url, { backoffMs: 50 });
      for (let count = 1; count <= 3; count += 1) assert.deepEqual(await client.send('hello'), { count });
      service.signal('SIGKILL');
      await client.next('waiting');
      await ServiceProcess.start(t, { PORT: port });
      await client.next('open');
      assert.deepEqual(await client.send('hello'), { count: 1 });
      assert.ok(client.events.some(({ type, detail }) => type === 'count' && detail.missed === -3));
    });

    it('goes on where another client of the session left off', async (t) => {
      const { url } = await startApp(t, { RESUME_TOKEN_KEY: 'a key that is long enough for a test' });
      const first = await start(t, url, { sessionId: SESSION });
      assert.deepEqual(await first.send('hello'), { count: 1 });
      await first.close();
      assert.equal((await first.next('close')).code, 1000);
      assert.deepEqual(await first.next('stopped'), { reason: 'closed' });
      const second = await start(t, url, { sessionId: SESSION });
      assert.deepEqual(await second.send('hello'), { count: 2 });
      assert.deepEqual(await second.next('count'), { count: 2, missed: 0 });
    });

    it('can be closed in each state, and then is stopped', async (t) => {
      const { url } = await startApp(t);
      const connecting = await start(t, url);
      await connecting.close();
      assert.deepEqual(await connecting.next('stopped'), { reason: 'closed' });
      const waiting = await start(t, `ws://127.0.0.1:${await freePort()}/`, { backoffMs: 1e6, maxBackoffMs: 1e6 });
      await waiting.next('waiting');
      await waiting.close();
      assert.deepEqual(await waiting.next('stopped'), { reason: 'closed' });
    });

    it('holds a bounded number of messages while it has no connection', async (t) => {
      const url = `ws://127.0.0.1:${await freePort()}/ws/chat/`;
      const client = await start(t, url, { maxUnsent: 2, backoffMs: 1e6, maxBackoffMs: 1e6 });
      const held = [client.send('one'), client.send('two')];
      assert.deepEqual(await client.send('three'), { sent: false });
      await client.close();
      assert.deepEqual(await Promise.all(held), [{ sent: false }, { sent: false }]);
    });
  });

describe('The client', () => {
  it('doubles the longest wait up to its bound, and waits a random part of it', async (t) => {
    t.mock.method(Math, 'random', () => 0.5);
    const url = `ws://127.0.0.1:${await freePort()}/`;
    const client = new CounterClient(url, { backoffMs: 8, maxBackoffMs: 50 });
    const waits: number[] = [];
    await new Promise<void>((resolve) => {
      client.addEventListener('waiting', ({ detail }) => {
        if (waits.push(detail.ms) === 5) resolve();
      });
    });
    client.close();
    assert.deepEqual(waits, [4, 8, 16, 25, 25]);
  });

  it('reports the data that a handler of the service answers with', async (t) => {
    const { url } = await startApp(t, {}, { handle: ({ text }) => (text === 'hello' ? { said: text } : undefined) });
    const client = new CounterClient(url);
    t.after(() => {
      client.close();
    });
    const counts: unknown[] = [];
    client.addEventListener('count', ({ detail }) => counts.push(detail));
    assert.deepEqual(await client.ask('hello'), { count: 1, data: { said: 'hello' } });
    assert.deepEqual(await client.ask('nothing'), { count: 2, data: undefined });
    assert.equal(await client.send('hello'), 3);
    assert.deepEqual(counts, [
      { count: 1, missed: 0, data: { said: 'hello' } },
      { count: 2, missed: 0 },
      { count: 3, missed: 0, data: { said: 'hello' } },
    ]);
  });

  it('refuses what is not text, and addresses that are none', async (t) => {
    const { url } = await startApp(t);
    const client = new CounterClient(url);
    t.after(() => {
      client.close();
    });
    assert.throws(() => client.send(new Uint8Array(1) as unknown as string), /A message is a string, not object/);
    assert.throws(() => new CounterClient('nonsense'), TypeError);
    assert.throws(() => new CounterClient('ftp://127.0.0.1/'), { name: 'SyntaxError' });
  });

  it('takes the addresses of pages as those of WebSockets, and keeps their query', async (t) => {
    const { origin, log } = await startApp(t);
    const client = new CounterClient(`${origin}/ws/chat?from=test`, { sessionId: SESSION });
    assert.equal(await client.send('hello'), 1);
    client.close();
    assert.ok((await log()).some(({ session_id: session }) => session === SESSION));
  });

  it('leaves a program running that ignores what its messages come to, and lets it end once it is closed', async (t) => {
    const { url } = await startApp(t, { MAX_MESSAGE_BYTES: '1' });
    const { status, stdout, stderr } = await runScript(`
      import { CounterClient } from 'websocket-message-counter/client';
      const client = new CounterClient(${JSON.stringify(url)});
      client.send('too big');
      client.addEventListener('stopped', ({ detail }) => console.log(detail.code));
    `);
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '1009\n', stderr: '' });
  });

  it('counts by the example of its page', async (t) => {
    const { url } = await startApp(t);
    const page = readFileSync(new URL('../../docs/clients.md', import.meta.url), 'utf8');
    const example = /^```js\n([^]*?)^```/m.exec(page)?.[1] ?? '';
    const result = await runScript(example.replace('ws://localhost:8080/ws/chat/', url));
    assert.deepEqual(result, { status: 0, stdout: '1\n', stderr: '' });
  });

  it('is at most 4 KB, minified and compressed, and needs nothing else', async () => {
    const source = readFileSync(new URL('../client.js', import.meta.url), 'utf8');
    const { code = '' } = await minify(source, { module: true });
    const bytes = gzipSync(code).length;
    assert.ok(bytes > 0 && bytes <= 4096, `${bytes} bytes`);
    assert.doesNotMatch(code, /\bimport\b|\brequire\b/);
  });

  it('fits the defaults of the service', () => {
    const { heartbeatIntervalSeconds, messageBurst } = defaultConfig();
    assert.equal(DEFAULTS.heartbeatMs, heartbeatIntervalSeconds * 1000);
    assert.ok(DEFAULTS.maxUnsent < messageBurst);
  });
});
