import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startApp } from '../../testkit/app.ts';
import { handshake, RawClient } from '../../testkit/raw-client.ts';

/** A header that is there twice, since an object has no name twice. */
const twice = (name: string, first: string, second: string): string =>
  handshake({ headers: { [name]: `${first}\r\n${name}: ${second}` } });
const upgrade = (value: string): string => handshake({ headers: { Upgrade: value } });
const extensions = (value: string): string => handshake({ headers: { 'Sec-WebSocket-Extensions': value } });
const byHttp10 = (text: string): string => text.replace('HTTP/1.1', 'HTTP/1.0');

describe('An upgrade is accepted', () => {
  for (const [what, text] of [
    ['Upgrade: websocket, h2c', upgrade('websocket, h2c')],
    ['Upgrade: h2c,WebSocket', upgrade('h2c,WebSocket')],
    ['Upgrade: , websocket,', upgrade(', websocket,')],
    ['two Upgrade lines', twice('Upgrade', 'websocket', 'h2c')],
    ['two Upgrade lines, WebSocket in the second one', twice('Upgrade', 'h2c', 'websocket')],
    ['a target in absolute form', handshake({ path: 'http://localhost/ws/chat/' })],
    ['one with scheme ws, port and query', handshake({ path: 'WS://localhost:8080/ws/chat?theme=dark' })],
    ['one with an IPv6 address', handshake({ path: 'http://[::1]:8080/ws/chat/' })],
    ['one with user information', handshake({ path: 'http://user@localhost/ws/chat/' })],
    ['a fragment', handshake({ path: '/ws/chat/#top' })],
    ['empty Sec-WebSocket-Extensions', extensions('')],
    ['Sec-WebSocket-Extensions: ,', extensions(',')],
    ['a comma before its extension', extensions(', permessage-deflate')],
    ['two commas between extensions', extensions('permessage-deflate; client_max_window_bits,, x-other')],
    ['empty Sec-WebSocket-Protocol', handshake({ headers: { 'Sec-WebSocket-Protocol': '' } })],
    ['a comma before its subprotocol', handshake({ headers: { 'Sec-WebSocket-Protocol': ',chat' } })],
  ] as const)
    it(`with ${what}`, async (t) => {
      const { port } = await startApp(t, { PER_MESSAGE_DEFLATE: 'true' });
      assert.match(await firstLine(port, text), /^HTTP\/1\.1 101 /);
    });
});

describe('An upgrade is rejected', () => {
  for (const [what, text, status] of [
    ['by HTTP/1.0', byHttp10(handshake()), 400],
    ['without Host', handshake({ headers: { Host: undefined } }), 400],
    ['with an empty Host', handshake({ headers: { Host: '' } }), 400],
    ['with two Hosts', twice('Host', 'localhost', 'other.test'), 400],
    ['by an absolute form without Host', noHost('http://localhost/ws/chat/'), 400],
    ['at a URL without a host', handshake({ path: 'http:///ws/chat/' }), 400],
    ['at a URL whose address has no end', handshake({ path: 'http://[::1/ws/chat/' }), 400],
    ['with a comma in a quoted parameter', extensions('permessage-deflate; a="1,2"'), 400],
    ['with an extension without a name', extensions('; client_max_window_bits'), 400],
    ['at /WS/chat/', handshake({ path: '/WS/chat/' }), 404],
    ['at /ws/Chat', handshake({ path: '/ws/Chat' }), 404],
    ['at /ws/chat//', handshake({ path: '/ws/chat//' }), 404],
    ['at http://localhost/WS/chat/', handshake({ path: 'http://localhost/WS/chat/' }), 404],
    ['with Upgrade: websocket/13', upgrade('websocket/13'), 426],
    ['with Upgrade: h2c, my-websocket', upgrade('h2c, my-websocket'), 426],
  ] as const)
    it(`${what}, with ${status}`, async (t) => {
      const { port } = await startApp(t, { PER_MESSAGE_DEFLATE: 'true' });
      assert.match(await firstLine(port, text), new RegExp(`^HTTP/1\\.1 ${status} `));
    });
});

describe('A plain request is answered', () => {
  for (const [target, status] of [
    ['/healthz', 200],
    ['/HEALTHZ/', 404],
    ['/Readyz', 404],
    ['/METRICS/', 404],
    ['/WS/chat/', 404],
    ['/Console.js', 404],
    ['/healthz//', 404],
    ['/healthz/#top', 200],
    ['http://svc.test/healthz/', 200],
    ['http://svc.test/HEALTHZ/', 404],
    ['http://svc.test', 200],
    ['http://svc.test?theme=dark', 200],
    ['http:///healthz/', 400],
    ['http://[', 400],
    ['*', 404],
  ] as const)
    it(`at ${target} with ${status}`, async (t) => {
      const { port } = await startApp(t, { CONSOLE_ENABLED: 'true' });
      assert.match(await firstLine(port, plain(target)), new RegExp(`^HTTP/1\\.1 ${status} `));
    });

  it('by HTTP/1.0, with Host and without', async (t) => {
    const { port } = await startApp(t);
    assert.match(await firstLine(port, byHttp10(plain('/healthz/'))), /^HTTP\/1\.1 200 /);
    assert.match(await firstLine(port, 'GET /readyz/ HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 /);
  });
});

describe('The authority of a target in absolute form replaces Host', () => {
  for (const [target, host, origin, allowed] of [
    ['http://svc.test/ws/chat/', 'other.test', 'http://svc.test', true],
    ['http://svc.test/ws/chat/', 'other.test', 'http://other.test', false],
    ['http://user@SVC.test:80/ws/chat/', 'other.test', 'http://svc.test', true],
    ['http://svc.test:8080/ws/chat/', 'svc.test', 'http://svc.test', false],
    ['/ws/chat/', 'svc.test', 'http://svc.test', true],
  ] as const)
    it(`${target} with Host ${host}, from ${origin}: ${allowed ? 'accepted' : '403'}`, async (t) => {
      const { port } = await startApp(t, { ALLOWED_ORIGINS: 'self' });
      const headers = { Host: host, Origin: origin };
      const upgraded = await firstLine(port, handshake({ path: target, headers }));
      assert.match(upgraded, allowed ? /^HTTP\/1\.1 101 / : /^HTTP\/1\.1 403 /);
      const asked = await firstLine(port, plain(target, host, `Origin: ${origin}\r\nAccept: application/json\r\n`));
      assert.match(asked, allowed ? /^HTTP\/1\.1 200 / : /^HTTP\/1\.1 403 /);
    });
});

function noHost(path: string): string {
  return handshake({ path, headers: { Host: undefined } });
}

function plain(target: string, host = 'localhost', more = ''): string {
  return `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${more}Connection: close\r\n\r\n`;
}

async function firstLine(port: number, text: string): Promise<string> {
  const client = new RawClient(port);
  client.socket.write(text);
  await client.until((received) => received.includes('\r\n'));
  client.socket.destroy();
  return client.text.slice(0, client.text.indexOf('\r\n'));
}
