import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { runToEnd, ServiceProcess } from '../../../testkit/process.ts';

describe('the self-test that helm test runs', () => {
  it('finds all well with a service that works', async (t) => {
    const service = await ServiceProcess.start(t);
    const { status, stdout, stderr } = await selftest('--service', service.origin, '--shared');
    assert.equal(status, 0, stdout + stderr);
    assert.deepEqual(outcomes(stdout), ['ok', 'ok', 'ok', 'ok', 'ok', 'ok']);
    assert.match(stdout, /is ready: .*200/);
    assert.match(stdout, /counts and resumes, and its metrics tell: 1 2 3, and after coming back 4 5/);
    assert.match(stdout, /resumes on any pod: 3 4/);
  });

  it('finds all well with a service that has its metrics on a port of their own', async (t) => {
    const service = await ServiceProcess.start(t, { METRICS_PORT: '0' });
    const args = ['--service', service.origin, '--metrics-port', String(service.metricsPort)];
    const { status, stdout, stderr } = await selftest(...args);
    assert.equal(status, 0, stdout + stderr);
    assert.deepEqual(outcomes(stdout), ['ok', 'ok', 'ok', 'ok', 'ok', 'ok']);
    assert.match(stdout, /keeps its metrics to port \d+: \/metrics\/ answered 404$/m);
  });

  it('fails where the metrics are public though they have a port of their own', async (t) => {
    const service = await ServiceProcess.start(t);
    const { status, stdout } = await selftest('--service', service.origin, '--metrics-port', String(service.port));
    assert.equal(status, 1);
    assert.match(stdout, /^FAILED .*keeps its metrics to port \d+: \/metrics\/ answered 200, not 404$/m);
  });

  it('fails where nothing listens, and says so for each check', async (t) => {
    const origin = await closedOrigin(t);
    const { status, stdout } = await selftest('--service', origin);
    assert.equal(status, 1);
    assert.deepEqual(outcomes(stdout), ['ok', 'FAILED', 'FAILED', 'FAILED', 'FAILED']);
    assert.match(stdout, /ECONNREFUSED/);
  });

  it('fails with a service that answers, but does not count', async (t) => {
    const impostor = createServer((_request, response) => response.end('{"ready": true}')).listen(0, '127.0.0.1');
    t.after(() => impostor.close());
    await once(impostor, 'listening');
    const { status, stdout } = await selftest('--service', `http://127.0.0.1:${portOf(impostor.address())}`);
    assert.equal(status, 1);
    assert.match(stdout, /^ok .*is ready/m);
    assert.match(stdout, /^FAILED .*without websocket_messages_total/m);
    assert.match(stdout, /^FAILED .*accepts a WebSocket/m);
  });

  it('passes over pods that drain, and fails if no other is left', async (t) => {
    const service = await ServiceProcess.start(t, { PRESTOP_MIN_SECONDS: '60', PRESTOP_MAX_SECONDS: '60' });
    const draining = service.event('drain_started');
    void fetch(`http://127.0.0.1:${service.adminPort}/drain`, {
      method: 'POST',
      headers: { 'x-admin-request': 'test' },
    }).catch(() => undefined);
    await draining;
    const { status, stdout } = await selftest('--service', service.origin);
    assert.equal(status, 1);
    assert.match(stdout, /^FAILED addresses of .*: no pod serves$/m);
  });

  it('gives up when its time is up', async (t) => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    t.after(() => {
      silent.closeAllConnections();
      silent.close();
    });
    await once(silent, 'listening');
    const origin = `http://127.0.0.1:${portOf(silent.address())}`;
    const { status, stdout } = await selftest('--service', origin, '--timeout', '0.5');
    assert.equal(status, 1);
    assert.match(stdout, /^FAILED everything within 0\.5 s: the time is up$/m);
  });

  it('fails for what has to take connections and does not, and names it', async (t) => {
    const service = await ServiceProcess.start(t);
    const { host: open } = new URL(service.origin);
    const { host: closed } = new URL(await closedOrigin(t));
    const { status, stdout } = await selftest(
      '--service',
      service.origin,
      '--reach',
      `loki=${open}`,
      '--reach',
      `redis=${closed}`,
    );
    assert.equal(status, 1);
    assert.match(stdout, /^ok     loki takes connections: /m);
    assert.match(stdout, new RegExp(`^FAILED redis takes connections: ${closed} does not: .*ECONNREFUSED`, 'm'));
  });

  it('waits for connections that are refused at first, if it may', async (t) => {
    const service = await ServiceProcess.start(t);
    const late = new URL(await closedOrigin(t));
    const other = createServer().listen(0, '127.0.0.1');
    t.after(() => other.close());
    await once(other, 'listening');
    const places = ['--reach', `loki=127.0.0.1:${portOf(other.address())}`, '--reach', `redis=${late.host}`];
    const run = selftest('--service', service.origin, ...places, '--settle', '20');
    // Both are tried at the same time, again and again: the second attempt comes after one in which the late one refused.
    for (let attempt = 1; attempt <= 2; attempt += 1) await once(other, 'connection');
    const server = createServer().listen(Number(late.port), '127.0.0.1');
    t.after(() => server.close());
    const { status, stdout } = await run;
    assert.equal(status, 0, stdout);
  });

  it('sends an alert to each receiver, and fails for one that Alertmanager does not choose', async (t) => {
    const service = await ServiceProcess.start(t);
    const alertmanager = await startAlertmanager(t, { critical: 'chat/demo/page', warning: 'none' });
    const pages = ['--page', 'critical=page', '--page', 'warning=ticket', '--alert-label', 'release=demo'];
    const { status, stdout } = await selftest(
      '--service',
      service.origin,
      '--alertmanager',
      alertmanager.url,
      ...pages,
    );
    assert.equal(status, 1);
    assert.match(stdout, /^ok     an alert of severity critical goes to page: WebsocketTestPage, chat\/demo\/page$/m);
    assert.match(
      stdout,
      /^FAILED an alert of severity warning goes to ticket: Alertmanager took it for none; look at/m,
    );
    assert.deepEqual(
      alertmanager.alerts.map(({ labels }) => labels),
      [
        { release: 'demo', alertname: 'WebsocketTestPage', severity: 'critical' },
        { release: 'demo', alertname: 'WebsocketTestTicket', severity: 'warning' },
      ],
    );
  });

  for (const [args, reason] of [
    [[], /--service is missing/],
    [['--service', 'nonsense'], /--service nonsense must be a URL/],
    [['--service', 'http://x', '--timeout', 'soon'], /--timeout soon must be a number of seconds/],
    [['--service', 'http://x', '--settle', 'soon'], /--settle soon must be a number of seconds/],
    [['--sevice', 'http://x'], /--sevice/],
    [['--service', 'http://x', '--reach', 'redis:6379'], /--reach redis:6379 must be like loki=name:3100/],
    [['--service', 'http://x', '--page', 'critical=page'], /--alertmanager is missing/],
    [
      ['--service', 'http://x', '--alertmanager', 'http://y', '--page', 'page'],
      /--page page must be like critical=page/,
    ],
    [['--service', 'http://x', '--metrics-port', '99999'], /--metrics-port 99999 must be a number from 1 to 65535/],
  ] as const)
    it(`refuses the arguments ${JSON.stringify(args)}`, async () => {
      const { status, stderr } = await selftest(...args);
      assert.equal(status, 2);
      assert.match(stderr, reason);
    });
});

function selftest(...args: readonly string[]): ReturnType<typeof runToEnd> {
  return runToEnd({}, args, 'selftest.ts');
}

interface Alert {
  readonly labels: Readonly<Record<string, string>>;
}

/** An Alertmanager that takes every alert, and routes by severity. */
async function startAlertmanager(
  t: TestContext,
  receivers: Readonly<Record<string, string>>,
): Promise<{ readonly url: string; readonly alerts: readonly Alert[] }> {
  const alerts: Alert[] = [];
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://x');
    assert.equal(pathname, '/am/api/v2/alerts');
    const wanted = searchParams.getAll('filter');
    void text(request).then((body) => {
      if (request.method === 'POST') alerts.push(...(JSON.parse(body) as Alert[]));
      const listed = alerts.filter(({ labels }) =>
        wanted.every((filter) => Object.entries(labels).some(([name, value]) => filter === `${name}="${value}"`)),
      );
      const answer = listed.map(({ labels }) => ({ receivers: [{ name: receivers[labels['severity'] ?? ''] }] }));
      response.end(request.method === 'POST' ? '' : JSON.stringify(answer));
    });
  }).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${portOf(server.address())}/am`, alerts };
}

function outcomes(stdout: string): string[] {
  return [...stdout.matchAll(/^(ok|FAILED) /gm)].map(([, outcome]) => outcome ?? '');
}

/** Address of a port that was free a moment ago. */
async function closedOrigin(t: TestContext): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const port = portOf(server.address());
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}`;
}

function portOf(address: AddressInfo | string | null): number {
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}
