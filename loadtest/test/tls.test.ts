import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { WebSocketServer } from 'ws';
import { loadtest, loadtestJson } from '../../testkit/run-loadtest.ts';

describe('a wss:// service', { concurrency: 3 }, () => {
  let server: Server;
  let host = '';
  before(async () => {
    server = createServer(selfSigned());
    new WebSocketServer({ server }).on('connection', (socket) => {
      let count = 0;
      socket.on('message', () => {
        count += 1;
        socket.send(`{"count": ${count}}`);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    host = `wss://localhost:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  it('is tested as any other', async () => {
    const { status, result } = await loadtestJson(
      ...['--host', host, '--insecure', '--no-metrics', '--sockets', '5', '--send-rate', '20', '--duration', '1'],
    );
    assert.deepEqual(result.verdict.failures, []);
    assert.equal(status, 0);
    assert.ok(result.messages.replied > 50);
    assert.deepEqual(result.sockets.closes, { 1000: 5 });
  });

  it('is refused if its certificate can not be verified', async () => {
    const { status, stderr } = await loadtest('--host', host, '--no-metrics');
    assert.match(
      stderr,
      /^No WebSocket opens at localhost:\d+: its certificate is self-signed; --insecure accepts it\.\n$/,
    );
    assert.equal(status, 2);
  });

  it('is not taken for a ws:// one', async () => {
    const { status, stderr } = await loadtest('--host', host.replace('wss', 'ws'), '--no-metrics');
    assert.match(stderr, /^(No WebSocket opens at localhost:\d+: .*|.* answered with HTTP 400 .*)\.\n$/);
    assert.equal(status, 2);
  });
});

/** A certificate for localhost, made for this test. */
function selfSigned(): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'loadtest-tls-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
  execFileSync('openssl', [...args, '-subj', '/CN=localhost', '-keyout', key, '-out', cert], { stdio: 'ignore' });
  const pair = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  rmSync(folder, { recursive: true });
  return pair;
}
