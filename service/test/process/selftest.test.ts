import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
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

  for (const [args, reason] of [
    [[], /--service is missing/],
    [['--service', 'nonsense'], /--service nonsense must be a URL/],
    [['--service', 'http://x', '--timeout', 'soon'], /--timeout soon must be a number of seconds/],
    [['--sevice', 'http://x'], /--sevice/],
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
