import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { REJECTIONS, type ErrorBody, type RejectionReason } from '../src/protocol/protocol.ts';
import { ResumeTokens } from '../src/sessions/resume-token.ts';
import type { SessionId } from '../src/sessions/session-store.ts';
import { startApp, type RunningApp } from '../../testkit/app.ts';
import { Client } from '../../testkit/client.ts';
import { ask, handshake, RawClient, type HandshakeOptions } from '../../testkit/raw-client.ts';

describe('A handshake is refused with a status and a body that says why', () => {
  const cases: readonly (readonly [string, HandshakeOptions, RejectionReason])[] = [
    ['on another path', { path: '/ws/other/' }, 'path'],
    ['with a session_id that is no UUID', { path: '/ws/chat/?session_id=42' }, 'malformed'],
    ['with an empty session_id', { path: '/ws/chat/?session_id=' }, 'malformed'],
    ['with two session_ids', { path: `/ws/chat/?session_id=${UUID(1)}&session_id=${UUID(2)}` }, 'malformed'],
    ['without a key', { headers: { 'Sec-WebSocket-Key': undefined } }, 'malformed'],
    ['with a key that is too short', { headers: { 'Sec-WebSocket-Key': 'c2hvcnQ=' } }, 'malformed'],
    ['of another version', { headers: { 'Sec-WebSocket-Version': '12' } }, 'malformed'],
    ['with a malformed subprotocol', { headers: { 'Sec-WebSocket-Protocol': 'a b' } }, 'malformed'],
    ['by POST', { method: 'POST', headers: { 'Content-Length': '0' } }, 'method'],
    ['from a foreign origin', { headers: { Origin: 'https://evil.example' } }, 'origin'],
    [
      'with an origin that only begins like an allowed one',
      { headers: { Origin: 'https://app.example.com.evil.example' } },
      'origin',
    ],
    ['with headers over 16 KiB', { headers: { 'X-Long': 'x'.repeat(20_000) } }, 'headers_too_large'],
  ];
  for (const [what, options, reason] of cases)
    it(what, async (t) => {
      const running = await startApp(t, { ALLOWED_ORIGINS: 'https://app.example.com' });
      const answer = await ask(running.port, handshake(options));
      assert.equal(answer.status, REJECTIONS[reason].status);
      assert.equal(answer.body['error'], reason);
      assert.match(String(answer.body['message']), /^\w.+\.$/);
      assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8');
      await assertCounted(running, reason);
    });

  it('and the answer arrives though the client was still sending', async (t) => {
    const running = await startApp(t);
    const parts = ['GET /ws/chat/ HTTP/1.1\r\nX-Long: ', ...Array<string>(20).fill('x'.repeat(20_000))];
    for (let attempt = 1; attempt <= 20; attempt += 1)
      assert.match(await answerTo(running.port, parts), /^HTTP\/1.1 431 /);
    await assertCounted(running, 'headers_too_large', 20);
  });

  it('as a plain request: 426, which says what to upgrade to', async (t) => {
    const running = await startApp(t);
    for (const path of ['/ws/chat/', '/ws/chat']) {
      const response = await fetch(`${running.origin}${path}`);
      assert.equal(response.status, 426);
      assert.equal(response.headers.get('upgrade'), 'websocket');
      assert.equal(((await response.json()) as { error: string }).error, 'not_upgrade');
    }
    await assertCounted(running, 'not_upgrade', 2);
  });

  it('with another upgrade than WebSocket: 426 there, and an ordinary answer elsewhere', async (t) => {
    const { port } = await startApp(t);
    const headers = { Upgrade: 'h2c', Connection: 'Upgrade, close' };
    assert.equal((await ask(port, handshake({ headers }))).status, 426);
    assert.equal((await ask(port, handshake({ path: '/healthz/', headers }))).status, 200);
  });

  it('as something that is not HTTP: 400', async (t) => {
    const running = await startApp(t);
    const answer = await ask(running.port, '\x16\x03\x01 this is TLS\r\n\r\n');
    assert.equal(answer.status, 400);
    assert.equal(answer.body['error'], 'malformed');
    await assertCounted(running, 'malformed');
  });

  for (const [what, text] of [
    ['begun and not finished', 'GET /ws/chat/ HTTP/1.1\r\nHost: x\r\n'],
    ['never begun', ''],
  ] as const)
    it(`when it is ${what} in time: 408`, async (t) => {
      const running = await startApp(t, { HANDSHAKE_TIMEOUT_SECONDS: '1' });
      const other = await Client.open(running.url);
      const answer = await ask(running.port, text);
      assert.equal(answer.status, 408);
      assert.equal(answer.body['error'], 'timeout');
      assert.equal(await other.count(), 1);
      await assertCounted(running, 'timeout');
    });

  it('that drips in byte by byte: 408 all the same', async (t) => {
    const { port } = await startApp(t, { HANDSHAKE_TIMEOUT_SECONDS: '0.3' });
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    socket.write('GET /ws/chat/ HTTP/1.1\r\nX-Long: ');
    const drip = setInterval(() => socket.write('x'), 20);
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    clearInterval(drip);
    assert.match(chunk.toString(), /^HTTP\/1\.1 408 /);
    socket.destroy();
  });
});

describe('A handshake is accepted', () => {
  it('with the path’s slash at the end left out', async (t) => {
    const { port } = await startApp(t);
    const client = await RawClient.open(port, '/ws/chat');
    client.socket.destroy();
  });

  it('with unknown query parameters', async (t) => {
    const { url } = await startApp(t);
    assert.equal(await (await Client.open(`${url}?theme=dark&x=%ff`)).count(), 1);
  });

  it('with a valid X-Request-Id, which is then its own; one unfit for a log is replaced', async (t) => {
    const { url, log } = await startApp(t);
    const headers = await new Client(url, { headers: { 'X-Request-Id': 'trace-42' } }).headers;
    assert.equal(headers['x-request-id'], 'trace-42');
    const replaced = await new Client(url, { headers: { 'X-Request-Id': 'a b"c' } }).headers;
    assert.match(String(replaced['x-request-id']), /^[0-9a-f-]{36}$/);
    const ids = (await log()).filter((line) => line.event === 'websocket_connected').map((line) => line['request_id']);
    assert.deepEqual(ids, ['trace-42', replaced['x-request-id']]);
  });

  for (const [rule, origin] of [
    ['*', 'https://anything.example'],
    ['https://app.example.com', 'https://app.example.com'],
    ['https://app.example.com', 'https://APP.example.com'],
    ['https://*.example.com', 'https://deep.sub.example.com'],
    ['self', 'http://localhost'],
    ['https://app.example.com', undefined],
  ] as const)
    it(`from origin ${String(origin)} where ${rule} is allowed`, async (t) => {
      const { port } = await startApp(t, { ALLOWED_ORIGINS: rule });
      const client = new RawClient(port);
      client.socket.write(handshake({ headers: { Origin: origin } }));
      await client.until((text) => text.includes('\r\n'));
      assert.match(client.text, /^HTTP\/1\.1 101 /);
      client.socket.destroy();
    });

  for (const [rule, origin] of [
    ['https://*.example.com', 'https://example.com'],
    ['https://*.example.com', 'http://a.example.com'],
    ['https://*.example.com', 'https://evilexample.com'],
    ['self', 'http://other.example'],
    ['self', 'null'],
  ] as const)
    it(`but not from ${origin} where ${rule} is allowed`, async (t) => {
      const { port } = await startApp(t, { ALLOWED_ORIGINS: rule });
      assert.equal((await ask(port, handshake({ headers: { Origin: origin } }))).status, 403);
    });
});

describe('A plain request that accepts JSON is answered as the handshake would be', () => {
  const origin = { Origin: 'https://app.example.com' };
  const key = 'k'.repeat(32);

  it('200 where it would be accepted, and opens nothing', async (t) => {
    const running = await startApp(t, { MAX_CONNECTIONS: '1' });
    for (let asked = 0; asked < 3; asked += 1) {
      const { status, body } = await preflight(running, `/ws/chat/?session_id=${UUID(asked)}`);
      assert.deepEqual([status, body], [200, { status: 'ok' }]);
    }
    const metrics = await running.scrape();
    assert.equal(metrics.value('websocket_connections_opened_total'), 0);
    assert.equal(metrics.value('websocket_sessions'), 0);
    assert.equal(running.app.handshakes.lastArrivalAt, -Infinity);
  });

  for (const [what, env, path, headers, reason] of [
    ['for a foreign origin', { ALLOWED_ORIGINS: 'self' }, '/ws/chat/', origin, 'origin'],
    ['for a session_id that is no UUID', {}, '/ws/chat/?session_id=42', {}, 'malformed'],
    ['for a forged token', { RESUME_TOKEN_KEY: key }, `/ws/chat/?session_id=${UUID(1)}&resume=x`, {}, 'resume_token'],
  ] as const)
    it(`with the status and the body of its rejection ${what}, and counts none`, async (t) => {
      const running = await startApp(t, env);
      const { status, body } = await preflight(running, path, headers);
      const answer = await ask(running.port, handshake({ path, headers }));
      assert.deepEqual([status, body.error, body.message], [answer.status, reason, answer.body['message']]);
      await assertCounted(running, reason);
    });

  it('503 with a delay where the instance is full or shuts down', async (t) => {
    const running = await startApp(t, { MAX_CONNECTIONS: '1' });
    await Client.open(running.url);
    for (const reason of ['capacity', 'draining']) {
      const { status, headers, body } = await preflight(running, '/ws/chat/');
      assert.deepEqual([status, body.error], [503, reason]);
      assert.equal(headers.get('retry-after'), String(Math.max(1, Math.ceil((body.retry_after_ms ?? NaN) / 1000))));
      running.app.lifecycle.beginClosing('test');
    }
  });

  it('to pages of any origin, who may read how long to wait', async (t) => {
    const running = await startApp(t, { ALLOWED_ORIGINS: 'self' });
    for (const headers of [{}, origin]) {
      const answer = await preflight(running, '/ws/chat/', headers);
      assert.equal(answer.headers.get('access-control-allow-origin'), '*');
      assert.equal(answer.headers.get('access-control-expose-headers'), 'Retry-After');
      assert.equal(answer.headers.get('cache-control'), 'no-store');
    }
  });

  it('429 once the address has no handshake left, of which it takes none', async (t) => {
    const running = await startApp(t, { HANDSHAKE_RATE_PER_ADDRESS: '0.5' });
    for (let asked = 0; asked < 3; asked += 1) assert.equal((await preflight(running, '/ws/chat/')).status, 200);
    await Client.open(running.url);
    assert.equal((await preflight(running, '/ws/chat/')).status, 429);
  });

  it('403 for a token that is older than its session, whose count stays', async (t) => {
    const running = await startApp(t, { RESUME_TOKEN_KEY: key });
    const tokens = new ResumeTokens({ keys: { signing: key, accepted: [key] }, ttlSeconds: 60 });
    const client = await Client.open(`${running.url}?session_id=${UUID(1)}`);
    await client.count();
    await client.count();
    for (const [count, status] of [
      [1, 403],
      [2, 200],
    ] as const) {
      const token = tokens.sign(UUID(1) as SessionId, count);
      assert.equal((await preflight(running, `/ws/chat/?session_id=${UUID(1)}&resume=${token}`)).status, status);
    }
    assert.equal(await client.count(), 3);
  });
});

async function preflight(
  { origin }: RunningApp,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly headers: Headers; readonly body: Partial<ErrorBody> }> {
  const response = await fetch(origin + path, { headers: { ...headers, Accept: 'application/json' } });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Partial<ErrorBody> };
}

/** A UUID that one can tell by its number. */
function UUID(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

async function assertCounted({ scrape }: RunningApp, reason: RejectionReason, times = 1): Promise<void> {
  const metrics = await scrape();
  assert.equal(metrics.value(`websocket_handshakes_rejected_total{reason="${reason}"}`), times);
  assert.equal(metrics.value('websocket_errors_total{type="handshake_rejected"}'), times);
}

/** What comes back, to the end of the connection, where everything is written at once. */
async function answerTo(port: number, parts: readonly string[]): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' });
  let text = '';
  // The service closes its side while it is being written to.
  socket.on('error', () => undefined).on('data', (chunk: Buffer) => (text += chunk.toString()));
  for (const part of parts) socket.write(part);
  await once(socket, 'close');
  return text;
}
