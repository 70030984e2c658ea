import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startApp } from '../../testkit/app.ts';
import { Client } from '../../testkit/client.ts';

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

describe('/healthz/', () => {
  it('has the guide’s fields, first and in its order, with and without the slash', async (t) => {
    const { origin } = await startApp(t);
    for (const path of ['/healthz/', '/healthz']) {
      const { status, body } = await get(origin + path);
      assert.equal(status, 200);
      assert.deepEqual(Object.keys(body).slice(0, 3), ['status', 'timestamp', 'uptime']);
      assert.equal(body['status'], 'healthy');
      assert.equal(new Date(String(body['timestamp'])).toISOString(), body['timestamp']);
      assert.ok(Number(body['uptime']) > 0);
    }
  });

  it('stays 200 while draining, from the hook to the last connection', async (t) => {
    const { origin, app, url } = await startApp(t, { PRESTOP_MIN_SECONDS: '0', PRESTOP_QUIET_SECONDS: '0' });
    const client = await Client.open(url);
    client.socket.pause();
    await app.prestop();
    assert.equal((await get(`${origin}/healthz/`)).status, 200);
    const drained = app.drain('SIGTERM');
    assert.equal((await get(`${origin}/healthz/`)).status, 200);
    client.socket.resume();
    await drained;
  });

  it('fails with the reason once the process is broken', async (t) => {
    const { origin, app } = await startApp(t);
    app.lifecycle.markBroken('an uncaught error');
    const { status, body } = await get(`${origin}/healthz/`);
    assert.equal(status, 503);
    assert.deepEqual([body['status'], body['reason']], ['unhealthy', 'an uncaught error']);
  });
});

describe('/readyz/', () => {
  it('has the guide’s fields, first and in its order, with and without the slash', async (t) => {
    const { origin } = await startApp(t);
    for (const path of ['/readyz/', '/readyz']) {
      const { status, body } = await get(origin + path);
      assert.equal(status, 200);
      assert.deepEqual(Object.keys(body).slice(0, 4), ['status', 'timestamp', 'ready', 'shutting_down']);
      assert.deepEqual([body['status'], body['ready'], body['shutting_down']], ['ready', true, false]);
    }
  });

  it('is 503, not ready and shutting down from the hook on, while connections are served and taken', async (t) => {
    const { origin, app, url, scrape } = await startApp(t, { PRESTOP_MIN_SECONDS: '60', PRESTOP_MAX_SECONDS: '60' });
    const early = await Client.open(url);
    void app.prestop();
    const { status, body } = await get(`${origin}/readyz/`);
    assert.equal(status, 503);
    assert.deepEqual([body['status'], body['ready'], body['shutting_down']], ['draining', false, true]);
    assert.equal(await early.count(), 1);
    assert.equal(await (await Client.open(url)).count(), 1);
    const metrics = await scrape();
    assert.equal(metrics.value('websocket_ready'), 0);
    assert.equal(metrics.value('websocket_draining'), 1);
    assert.ok(metrics.value('websocket_shutdown_time_seconds') > 0);
    assert.equal(metrics.value('websocket_drain_closing_seconds'), 0);
  });
});

describe('Other requests', () => {
  it('to no known path get 404 with a JSON body', async (t) => {
    const { origin } = await startApp(t);
    const { status, body } = await get(`${origin}/nothing`);
    assert.deepEqual([status, body['error']], [404, 'not_found']);
  });

  it('with another method get 405 with what is allowed', async (t) => {
    const { origin } = await startApp(t);
    const response = await fetch(`${origin}/healthz/`, { method: 'DELETE' });
    assert.deepEqual([response.status, response.headers.get('allow')], [405, 'GET, HEAD']);
  });

  it('with a path that can not be decoded get 400, not 500', async (t) => {
    const { origin, scrape } = await startApp(t);
    const response = await fetch(`${origin}/%ff%fe`);
    assert.ok([400, 404].includes(response.status), `got ${response.status}`);
    assert.equal((await scrape()).value('websocket_errors_total{type="internal"}'), 0);
  });
});

async function get(url: string): Promise<Answer> {
  const response = await fetch(url);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
