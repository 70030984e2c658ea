import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { startApp } from '../../testkit/app.ts';
import { Client } from '../../testkit/client.ts';
import { findTool } from '../../testkit/find-tool.ts';
import { ask, handshake } from '../../testkit/raw-client.ts';

const SS = findTool('ss');

describe('Messages a second for a connection', () => {
  it('may come in a burst, and beyond it close with 1008; another connection is not held', async (t) => {
    const { url, scrape, log } = await startApp(t, { MESSAGE_RATE: '1', MESSAGE_BURST: '5' });
    const other = await Client.open(url);
    const hasty = await Client.open(url);
    for (let sent = 0; sent < 6; sent += 1) hasty.socket.send('now');
    assert.equal((await hasty.closed).code, 1008);
    assert.equal(hasty.messages.left.length, 5);
    assert.equal(await other.count(), 1);
    const metrics = await scrape();
    assert.equal(metrics.value('websocket_messages_total'), 6);
    assert.equal(metrics.value('websocket_messages_rejected_total{reason="rate"}'), 1);
    assert.equal(metrics.value('websocket_errors_total{type="rate_limited"}'), 1);
    const warning = (await log()).find((line) => line.level === 'WARN');
    assert.equal(warning?.['reason'], 'rate_limited');
  });

  it('come back with time: the bucket refills', async (t) => {
    const { url } = await startApp(t, { MESSAGE_RATE: '200', MESSAGE_BURST: '1' });
    const client = await Client.open(url);
    for (let expected = 1; expected <= 5; expected += 1) {
      assert.equal(await client.count(), expected);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  });
});

describe('One client address', () => {
  it('gets 429 beyond its connections, and in again once one is closed', async (t) => {
    const { url, port, scrape } = await startApp(t, { MAX_CONNECTIONS_PER_ADDRESS: '2' });
    const [first] = await Promise.all([Client.open(url), Client.open(url)]);
    const answer = await ask(port, handshake());
    assert.equal(answer.status, 429);
    assert.equal(answer.body['error'], 'address_connections');
    await first.close();
    while ((await scrape()).value('websocket_active_connections') > 1);
    await Client.open(url);
  });

  it('gets 429 with Retry-After beyond its handshakes a second', async (t) => {
    const { port, url } = await startApp(t, { HANDSHAKE_RATE_PER_ADDRESS: '0.05' });
    await Client.open(url);
    const answer = await ask(port, handshake());
    assert.equal(answer.status, 429);
    assert.equal(answer.body['error'], 'rate');
    assert.ok(Number(answer.headers['retry-after']) >= 1);
    assert.ok(Number(answer.body['retry_after_ms']) >= 100);
  });

  it('is the one that a trusted proxy names, and another is not held', async (t) => {
    const { port, url, log } = await startApp(t, {
      MAX_CONNECTIONS_PER_ADDRESS: '1',
      TRUSTED_PROXIES: 'loopback,10.0.0.0/8',
    });
    await Client.open(url, { headers: { 'X-Forwarded-For': '203.0.113.7, 10.1.2.3' } });
    const same = await ask(port, handshake({ headers: { 'X-Forwarded-For': '6.6.6.6, 203.0.113.7' } }));
    assert.equal(same.status, 429);
    await Client.open(url, { headers: { 'X-Forwarded-For': '203.0.113.8' } });
    const addresses = (await log())
      .filter((line) => line.event === 'websocket_connected')
      .map((line) => line['client_ip']);
    assert.deepEqual(addresses, ['203.0.113.7', '203.0.113.8']);
  });

  it('is its socket’s where no proxy is trusted, whatever it says', async (t) => {
    const { url, log } = await startApp(t);
    await Client.open(url, { headers: { 'X-Forwarded-For': '203.0.113.7' } });
    assert.equal((await log()).find((line) => line.event === 'websocket_connected')?.['client_ip'], '127.0.0.1');
  });

  it('is its socket’s where a trusted proxy hands on nonsense', async (t) => {
    const { url, log } = await startApp(t, { TRUSTED_PROXIES: 'loopback' });
    await Client.open(url, { headers: { 'X-Forwarded-For': 'unknown, <script>' } });
    assert.equal((await log()).find((line) => line.event === 'websocket_connected')?.['client_ip'], '127.0.0.1');
  });
});

describe('The process', () => {
  it('refuses with 503 and Retry-After beyond its connections', async (t) => {
    const { url, port, scrape } = await startApp(t, { MAX_CONNECTIONS: '2' });
    await Promise.all([Client.open(url), Client.open(url)]);
    const answer = await ask(port, handshake());
    assert.equal(answer.status, 503);
    assert.equal(answer.body['error'], 'capacity');
    assert.ok(Number(answer.headers['retry-after']) >= 1);
    assert.equal((await scrape()).value('websocket_handshakes_rejected_total{reason="capacity"}'), 1);
  });

  it('lets at most 1,024 connections wait to be accepted', { skip: SS.skip }, async (t) => {
    const { port } = await startApp(t);
    const listening = execFileSync(SS.path, ['-Hltn', `sport = :${port}`], { encoding: 'utf8' });
    // Of a socket that listens, Send-Q is the bound (ss(8)).
    const [, , bound] = listening.trim().split(/\s+/);
    assert.equal(bound, '1024', listening);
  });

  it('refuses a new session beyond those it can hold, and resumes an old one all the same', async (t) => {
    const { url, port } = await startApp(t, { MAX_SESSIONS: '1' });
    const id = randomUUID();
    const first = await Client.open(`${url}?session_id=${id}`);
    await first.count();
    await first.close();
    const answer = await ask(port, handshake());
    assert.equal(answer.status, 503);
    assert.equal(answer.body['error'], 'capacity');
    assert.equal(await (await Client.open(`${url}?session_id=${id}`)).count(), 2);
  });

  it('is not ready near its limit where that is configured, and ready again well below', async (t) => {
    const { url, origin, scrape, log } = await startApp(t, {
      MAX_CONNECTIONS: '20',
      READINESS_CONNECTIONS_RATIO: '0.95',
    });
    const clients = await Promise.all(Array.from({ length: 18 }, () => Client.open(url)));
    assert.equal((await fetch(`${origin}/readyz/`)).status, 200);
    clients.push(await Client.open(url));
    const full = await fetch(`${origin}/readyz/`);
    assert.equal(full.status, 503);
    const report = (await full.json()) as Record<string, unknown>;
    assert.deepEqual([report['status'], report['ready'], report['shutting_down']], ['full', false, false]);
    await Promise.all(clients.splice(0, 1).map((client) => client.close()));
    while ((await scrape()).value('websocket_active_connections') > 18);
    assert.equal((await fetch(`${origin}/readyz/`)).status, 503, 'still not ready at 90 %');
    await Promise.all(clients.splice(0, 1).map((client) => client.close()));
    while ((await scrape()).value('websocket_active_connections') > 17);
    assert.equal((await fetch(`${origin}/readyz/`)).status, 200);
    assert.deepEqual(
      (await log()).filter((line) => line.event === 'readiness_changed').map((line) => line['full']),
      [true, false],
    );
  });
});

describe('A connection', () => {
  it('without a message for the idle time gets its bye and 1001; one that talks does not', async (t) => {
    const { url } = await startApp(t, { IDLE_TIMEOUT_SECONDS: '1.5' });
    const talker = await Client.open(url);
    const idle = await Client.open(url);
    const talk = setInterval(() => {
      talker.socket.send('still here');
    }, 50);
    const bye = await idle.bye();
    assert.equal(bye.total, 0);
    const closed = await idle.closed;
    assert.deepEqual(closed, { code: 1001, reason: 'idle' });
    assert.equal(talker.socket.readyState, talker.socket.OPEN);
    clearInterval(talk);
  });

  it('of the maximum age, give or take 10 %, gets its bye and 1001, and resumes', async (t) => {
    const { url, scrape } = await startApp(t, { MAX_CONNECTION_AGE_SECONDS: '1' });
    const openedAt = performance.now();
    const clients = await Promise.all(Array.from({ length: 20 }, () => Client.open(url)));
    const ages = await Promise.all(
      clients.map(async (client) => {
        await client.count();
        const { total, session_id } = await client.bye();
        assert.equal(total, 1);
        assert.deepEqual(await client.closed, { code: 1001, reason: 'max_age' });
        const age = performance.now() - openedAt;
        assert.equal(await (await Client.open(`${url}?session_id=${session_id}`)).count(), 2);
        return age;
      }),
    );
    assert.ok(Math.min(...ages) >= 890, `the first ended after ${Math.min(...ages)} ms`);
    assert.ok(Math.max(...ages) - Math.min(...ages) > 50, 'ages are spread');
    assert.equal((await scrape()).value('websocket_connections_closed_total{code="1001",initiator="server"}'), 20);
  });
});

describe('Warnings about clients', () => {
  it('come at a bounded rate, and say how many were left out', async (t) => {
    const { port, log } = await startApp(t, { WARN_INTERVAL_SECONDS: '1.5' });
    for (let refused = 0; refused < 5; refused += 1) await ask(port, handshake({ path: '/nowhere' }));
    await new Promise((resolve) => setTimeout(resolve, 1510));
    await ask(port, handshake({ path: '/nowhere' }));
    const suppressed = (await log())
      .filter((line) => line.event === 'websocket_handshake_rejected')
      .map((line) => line['suppressed']);
    assert.deepEqual(suppressed, [0, 4]);
  });
});
