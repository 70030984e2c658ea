import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, test } from 'node:test';
import { startApp, type RunningApp } from '../../testkit/app.ts';
import { TOOLS } from '../../scripts/tools.ts';
import { Client } from '../../testkit/client.ts';
import { RedisServer } from '../../testkit/redis.ts';
import type { ClientMessage, Handle } from '../src/connections/message-handler.ts';

/** Heartbeats would come between the replies. */
const QUIET = { HEARTBEAT_INTERVAL_SECONDS: '3600' };
const SESSION = '3f2b8c1e-7d4a-4f0e-9b6a-2c5d8e1f0a9b';

describe('a handler', () => {
  test('gets the session, the count and the text of a message, and its result is the data of the reply', async (t) => {
    const seen: ClientMessage[] = [];
    const { url } = await startApp(t, QUIET, {
      handle: (message) => {
        seen.push(message);
        return { upper: message.text.toUpperCase() };
      },
      authorize: () => ({ user: 'ada' }),
    });
    const client = await Client.open(`${url}?session_id=${SESSION}`);
    client.socket.send('grüße');
    assert.deepEqual(await client.messages.next(), { count: 1, data: { upper: 'GRÜSSE' } });
    assert.deepEqual(seen, [{ sessionId: SESSION, sequence: 1, text: 'grüße', user: 'ada' }]);
  });

  test('that returns nothing leaves the reply as it is', async (t) => {
    const { url } = await startApp(t, QUIET, { handle: () => undefined });
    const client = await Client.open(url);
    client.socket.send('hello');
    const [data] = (await once(client.socket, 'message')) as [Buffer];
    assert.equal(data.toString(), '{"count": 1}');
  });

  test('gets the text of frames that the fast path would take', async (t) => {
    const texts: string[] = [];
    const { url } = await startApp(t, { ...QUIET, FAST_PATH: 'true' }, { handle: ({ text }) => texts.push(text) });
    const client = await Client.open(url);
    await client.count('short');
    assert.deepEqual(texts, ['short']);
  });

  test('may finish in any order: answers keep the order of the messages', async (t) => {
    const held = new Held();
    const { url } = await startApp(t, QUIET, { handle: held.handle });
    const client = await Client.open(url);
    for (const text of ['1', '2', '3']) client.socket.send(text);
    await held.started(3);
    for (const text of ['3', '2', '1']) held.finish(text);
    for (const count of [1, 2, 3]) assert.deepEqual(await client.messages.next(), { count, data: String(count) });
  });

  test('runs for a bounded number of messages of one connection, and others wait in order', async (t) => {
    const held = new Held();
    const { url } = await startApp(t, { ...QUIET, HANDLER_CONCURRENCY: '2' }, { handle: held.handle });
    const client = await Client.open(url);
    const other = await Client.open(url);
    for (const text of ['1', '2', '3', '4', '5']) client.socket.send(text);
    await held.started(2);
    // Another connection has a bound of its own, and its message came after all of these.
    other.socket.send('other');
    await held.started(3);
    assert.deepEqual(held.texts, ['1', '2', 'other']);
    for (const text of ['other', '2', '1', '3', '4', '5']) {
      await held.has(text);
      held.finish(text);
    }
    for (const count of [1, 2, 3, 4, 5]) assert.equal((await client.messages.next())['count'], count);
    assert.deepEqual(held.texts, ['1', '2', 'other', '3', '4', '5']);
    assert.equal(held.most, 3);
  });

  for (const [rule, code, last] of [
    ['sends too fast', 1008, 'one too many'],
    ['sends binary data', 1003, Buffer.from([1])],
  ] as const)
    test(`has answered what was counted when the connection is closed since its client ${rule}`, async (t) => {
      const env = { ...QUIET, HANDLER_CONCURRENCY: '2', MESSAGE_BURST: '5', MESSAGE_RATE: '0.001' };
      const { url, scrape } = await startApp(t, env, { handle: async ({ text }) => turn(text) });
      const client = await Client.open(`${url}?session_id=${SESSION}`);
      for (const text of ['1', '2', '3', '4', '5']) client.socket.send(text);
      client.socket.send(last);
      for (const count of [1, 2, 3, 4, 5])
        assert.deepEqual(await client.messages.next(), { count, data: String(count) });
      assert.equal((await client.closed).code, code);
      const again = await Client.open(`${url}?session_id=${SESSION}`);
      assert.equal(await again.count(), 6);
      assert.equal((await scrape()).value('websocket_messages_total'), 6);
    });

  test('that holds a client at its bound does not get it cut by a heartbeat', async (t) => {
    const held = new Held();
    const { url, app } = await startApp(t, { ...QUIET, HANDLER_CONCURRENCY: '1' }, { handle: held.handle });
    const client = await Client.open(url);
    client.socket.send('1');
    await held.started(1);
    for (let beats = 0; beats < 3; beats += 1)
      for (const connection of app.connections.shuffled()) connection.heartbeat('{"ts": "now"}');
    held.finish('1');
    assert.equal((await client.messages.next((message) => 'count' in message))['count'], 1);
  });

  test(
    'runs in strict mode once the store has the count, which no other instance gives again',
    { skip: TOOLS.redis.find() === undefined && 'redis-server is missing' },
    async (t) => {
      const redis = await RedisServer.start(t);
      const env = { ...QUIET, REDIS_URL: redis.url, SESSION_DURABILITY: 'strict', STORE_TIMEOUT_SECONDS: '15' };
      const drain = { DRAIN_TIMEOUT_SECONDS: '30' };
      const handle: Handle = ({ sessionId, sequence }) => {
        const [key = ''] = redis.cli('KEYS', `*${sessionId}`).split('\n');
        return [sequence, Number(redis.cli('GET', key))];
      };
      const instances = [
        await startApp(t, { ...env, ...drain }, { handle }),
        await startApp(t, { ...env, ...drain }, { handle }),
      ];
      const clients = await Promise.all(instances.map(({ url }) => Client.open(`${url}?session_id=${SESSION}`)));
      const given: number[] = [];
      for (let round = 0; round < 3; round += 1)
        for (const client of clients) {
          client.socket.send('hello');
          const { count, data } = await client.messages.next();
          const [sequence = 0, stored = 0] = data as number[];
          assert.equal(sequence, count);
          assert.ok(stored >= sequence, `the store has ${stored}, the handler got ${sequence}`);
          given.push(sequence);
        }
      assert.deepEqual(given, [1, 2, 3, 4, 5, 6]);
      // While Redis is there: the sessions are written once more.
      await Promise.all(instances.map(({ app }) => app.drain('test over')));
    },
  );

  test('has its time in the duration of messages', async (t) => {
    const { url, scrape } = await startApp(t, QUIET, {
      handle: () => new Promise((resolve) => setTimeout(resolve, 30)),
    });
    await (await Client.open(url)).count();
    const metrics = await scrape();
    assert.equal(metrics.value('websocket_message_duration_seconds_bucket{le="0.025"}'), 0);
    assert.equal(metrics.value('websocket_message_duration_seconds_count'), 1);
  });
});

describe('a handler that fails', () => {
  const failures: Record<string, Handle> = {
    throws: () => {
      throw new Error('no such table');
    },
    rejects: () => Promise.reject(new Error('no such table')),
    'returns what JSON can not say': () => 1n,
    'does not finish in time': () => new Promise(() => undefined),
  };
  for (const [what, handle] of Object.entries(failures))
    test(`and ${what}: 1011, an error by type, and a line`, async (t) => {
      const running = await startApp(t, { ...QUIET, HANDLER_TIMEOUT_SECONDS: '0.05' }, { handle });
      const client = await Client.open(`${running.url}?session_id=${SESSION}`);
      client.socket.send('hello');
      assert.deepEqual(await client.closed, { code: 1011, reason: 'the handler failed' });
      await assertFailed(running);
      // It was counted all the same.
      await Client.open(`${running.url}?session_id=${SESSION}`);
      const lines = await running.log();
      assert.equal(lines.findLast(({ event }) => event === 'websocket_connected')?.['message_count'], 1);
    });

  test('answers the messages before, and handles none after', async (t) => {
    const texts: string[] = [];
    const { url } = await startApp(
      t,
      { ...QUIET, HANDLER_CONCURRENCY: '1' },
      {
        handle: async ({ text }) => {
          texts.push(text);
          await turn();
          if (text === 'bad') throw new Error('bad');
        },
      },
    );
    const client = await Client.open(url);
    for (const text of ['good', 'bad', 'late', 'later']) client.socket.send(text);
    assert.equal((await client.closed).code, 1011);
    assert.deepEqual(client.messages.left, [{ count: 1 }]);
    assert.deepEqual(texts, ['good', 'bad']);
  });
});

describe('a drain', () => {
  test('waits for handlers: their clients get the answers, then the bye', async (t) => {
    const held = new Held();
    const { url, app } = await startApp(t, { ...QUIET, HANDLER_CONCURRENCY: '1' }, { handle: held.handle });
    const client = await Client.open(url);
    client.socket.send('1');
    client.socket.send('2');
    await held.started(1);
    const drained = app.drain('test');
    held.finish('1');
    await held.started(2);
    held.finish('2');
    assert.deepEqual(await client.messages.next(), { count: 1, data: '1' });
    assert.deepEqual(await client.messages.next(), { count: 2, data: '2' });
    assert.equal((await client.bye()).total, 2);
    assert.equal((await client.closed).code, 1001);
    assert.equal((await drained).clean, true);
  });

  test('waits for handlers whose clients are gone', async (t) => {
    const held = new Held();
    const { url, app } = await startApp(t, QUIET, { handle: held.handle });
    const client = await Client.open(url);
    client.socket.send('1');
    await held.started(1);
    await client.close();
    let over = false;
    const drained = app.drain('test').finally(() => (over = true));
    while (app.connections.size > 0) await turn();
    await turn();
    assert.equal(over, false);
    held.finish('1');
    assert.equal((await drained).clean, true);
  });

  test('says at its deadline that handlers were under way', async (t) => {
    const env = { ...QUIET, DRAIN_TIMEOUT_SECONDS: '0.2', CLOSE_TIMEOUT_SECONDS: '0.05' };
    const { url, app } = await startApp(t, env, { handle: () => new Promise(() => undefined) });
    const client = await Client.open(url);
    client.socket.send('1');
    await client.close();
    assert.match((await app.drain('test')).unfinished, /^handling messages/);
  });
});

describe('authorize', () => {
  test('names the user, whom the lines of the connection hold', async (t) => {
    const { url, log } = await startApp(t, QUIET, {
      authorize: ({ headers }) => ({ user: `"${headers['x-user'] as string}" ü` }),
    });
    const client = await Client.open(url, { headers: { 'X-User': 'ada' } });
    await client.count();
    await client.close();
    const lines = (await log()).filter(({ event }) =>
      ['websocket_connected', 'websocket_message_received', 'websocket_disconnected'].includes(event),
    );
    assert.deepEqual(
      lines.map(({ user }) => user),
      ['"ada" ü', '"ada" ü', '"ada" ü'],
    );
  });

  test('denies a client with its own status and message, also when a page asks', async (t) => {
    const { url, origin, scrape, log } = await startApp(t, QUIET, {
      authorize: async () => ({ status: 402, message: 'Pay first.' }),
    });
    const client = new Client(url);
    const [, response] = (await once(client.socket, 'unexpected-response')) as [unknown, { statusCode: number }];
    assert.equal(response.statusCode, 402);
    const answer = await fetch(`${origin}/ws/chat/`, { headers: { Accept: 'application/json' } });
    const body = (await answer.json()) as { error: string; message: string };
    assert.equal(answer.status, 402);
    assert.deepEqual([body.error, body.message], ['unauthorized', 'Pay first.']);
    assert.equal((await scrape()).value('websocket_handshakes_rejected_total{reason="unauthorized"}'), 1);
    const rejected = (await log()).find(({ event }) => event === 'websocket_handshake_rejected');
    assert.equal(rejected?.['status'], 402);
  });

  for (const [what, authorize, seconds] of [
    [
      'throws',
      () => {
        throw new Error('no key');
      },
      60,
    ],
    ['rejects', () => Promise.reject(new Error('no key')), 60],
    ['does not answer in time', () => new Promise<never>(() => undefined), 0.1],
    ['answers with a status of success', () => ({ status: 200, message: 'welcome' }), 60],
    ['names a user that is no text', () => ({ user: 7 as unknown as string }), 60],
  ] as const)
    test(`that ${what} refuses with 500, and says so at ERROR`, async (t) => {
      const { url, log } = await startApp(t, { ...QUIET, HANDSHAKE_TIMEOUT_SECONDS: String(seconds) }, { authorize });
      const client = new Client(url);
      const [, response] = (await once(client.socket, 'unexpected-response')) as [unknown, { statusCode: number }];
      assert.equal(response.statusCode, 500);
      assert.equal((await log()).filter(({ event }) => event === 'websocket_internal_error').length, 1);
    });

  test('that waits holds no place open: a drain in between refuses with 503', async (t) => {
    let admit = (): void => undefined;
    const asked = new EventEmitter();
    const { url, app } = await startApp(t, QUIET, {
      authorize: () =>
        new Promise((resolve) => {
          admit = () => {
            resolve({});
          };
          asked.emit('asked');
        }),
    });
    const started = once(asked, 'asked');
    const client = new Client(url);
    await started;
    app.lifecycle.beginClosing('test');
    admit();
    const [, response] = (await once(client.socket, 'unexpected-response')) as [unknown, { statusCode: number }];
    assert.equal(response.statusCode, 503);
  });
});

/** A handler whose messages end when the test says so, with their own text as data. */
class Held {
  readonly texts: string[] = [];
  /** Largest number under way at once. */
  most = 0;
  readonly #ends = new Map<string, (text: string) => void>();
  readonly #starts = new EventEmitter();

  readonly handle: Handle = ({ text }) => {
    this.texts.push(text);
    const ended = new Promise((resolve) => this.#ends.set(text, resolve));
    this.most = Math.max(this.most, this.#ends.size);
    this.#starts.emit('start');
    return ended;
  };

  finish(text: string): void {
    this.#ends.get(text)?.(text);
    this.#ends.delete(text);
  }

  /** Waits until so many were started. */
  async started(count: number): Promise<void> {
    while (this.texts.length < count) await once(this.#starts, 'start');
  }

  async has(text: string): Promise<void> {
    while (!this.#ends.has(text)) await once(this.#starts, 'start');
  }
}

async function assertFailed({ scrape, log }: RunningApp): Promise<void> {
  const metrics = await scrape();
  assert.equal(metrics.value('websocket_errors_total{type="handler"}'), 1);
  assert.equal(metrics.value('websocket_messages_rejected_total{reason="handler"}'), 1);
  assert.equal(metrics.value('websocket_connections_closed_total{code="1011",initiator="server"}'), 1);
  const lines = (await log()).filter(({ event }) => event === 'websocket_handler_failed');
  assert.deepEqual(
    lines.map(({ level, session_id: session }) => [level, session]),
    [['ERROR', SESSION]],
  );
}
