import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { WebSocketServer } from 'ws';
import { tlsProblem } from '../../lib/tls-problem.ts';
import { CountingServer } from '../../testkit/counting-server.ts';
import { loadtest, loadtestJson } from '../../testkit/run-loadtest.ts';

describe('a wss:// service', { concurrency: 3 }, () => {
  let server: Server;
  let host = '';
  let folder = '';
  let certificate = '';
  before(async () => {
    const pair = selfSigned();
    folder = mkdtempSync(join(tmpdir(), 'loadtest-ca-'));
    certificate = join(folder, 'ca.pem');
    writeFileSync(certificate, pair.cert);
    server = createServer(pair);
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
    rmSync(folder, { recursive: true });
    server.closeAllConnections();
    server.close();
  });

  it('is tested as any other', async () => {
    const { status, result } = await loadtestJson(
      ...['--host', host, '--insecure', '--no-metrics', '--sockets', '5', '--send-rate', '20', '--duration', '2'],
    );
    assert.deepEqual(result.verdict.failures, []);
    assert.equal(status, 0);
    assert.ok(result.messages.replied > 0);
    assert.deepEqual(result.sockets.closes, { 1000: 5 });
  });

  it('is refused if its certificate can not be verified, with what to do', async () => {
    const { status, stderr } = await loadtest('--host', host, '--no-metrics');
    assert.match(
      stderr,
      /^No WebSocket opens at localhost:\d+: its certificate is self-signed; --ca FILE or NODE_EXTRA_CA_CERTS=FILE trusts .*, --insecure accepts any\.\n$/,
    );
    assert.equal(status, 2);
  });

  it('is trusted with --ca', async () => {
    const { status, result } = await loadtestJson(
      ...['--host', host, '--ca', certificate, '--no-metrics', '--sockets', '2', '--send-rate', '5', '--duration', '2'],
    );
    assert.equal(status, 0);
    assert.deepEqual(Object.keys(result.sockets.closes), ['1000']);
  });

  it('at a ws:// address is named', async () => {
    const { status, stderr } = await loadtest('--host', host.replace('wss', 'ws'), '--no-metrics');
    assert.match(stderr, /^No WebSocket opens at localhost:\d+: it speaks TLS: give --host wss:\/\/localhost:\d+\.\n$/);
    assert.equal(status, 2);
  });

  it('that is a ws:// one is named', async (t) => {
    const plain = await CountingServer.start({}, t);
    const { status, stderr } = await loadtest('--host', plain.host.replace('ws', 'wss'), '--no-metrics');
    assert.match(stderr, /: it does not speak TLS: give --host ws:\/\/127\.0\.0\.1:\d+\.\n$/);
    assert.equal(status, 2);
  });

  it('whose metrics are asked for without TLS, or the other way round, is named', async (t) => {
    const plain = await CountingServer.start({}, t);
    const at = (url: string) => loadtest('--host', plain.host, '--metrics-url', url);
    const untrusted = await at(host.replace('wss', 'https'));
    assert.match(untrusted.stderr, /self-signed; NODE_EXTRA_CA_CERTS names a file/);
    const noTls = await at(plain.metricsUrl.replace('http', 'https'));
    assert.match(noTls.stderr, /it does not speak TLS; does it want http:\/\/\?\.\n$/);
    assert.deepEqual([untrusted.status, noTls.status], [2, 2]);
  });
});

for (const [code, words] of [
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /an authority that is not trusted here/],
  ['SELF_SIGNED_CERT_IN_CHAIN', /a private authority/],
  ['CERT_HAS_EXPIRED', /has expired/],
  ['ERR_TLS_CERT_ALTNAME_INVALID', /for another name/],
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', /asks for a certificate of the client/],
  ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', /no version of TLS or cipher in common/],
] as const)
  it(`${code} has words`, () => {
    assert.match(tlsProblem(code)?.what ?? '', words);
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
