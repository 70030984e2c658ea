import assert from 'node:assert/strict';
import { request, type IncomingMessage } from 'node:http';
import { describe, it } from 'node:test';
import { defaultConfig } from '../src/config/options.ts';
import { clientAddressOf, networkOf, socketAddress } from '../src/http/client-address.ts';
import { startApp, type RunningApp } from '../../testkit/app.ts';
import fc from '../../testkit/fast-check.ts';
import { Client } from '../../testkit/client.ts';
import { ask, handshake, RawClient } from '../../testkit/raw-client.ts';

const PROXY = '127.0.0.1';

describe('The client that a trusted proxy names in X-Forwarded-For', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['203.0.113.7', '203.0.113.7'],
    ['203.0.113.7:5555', '203.0.113.7'],
    ['203.0.113.7:', '203.0.113.7'],
    ['203.0.113.7:_port-1', '203.0.113.7'],
    ['"203.0.113.7"', '203.0.113.7'],
    ['"203.0.113.7:5555"', '203.0.113.7'],
    ['[203.0.113.7]:80', '203.0.113.7'],
    ['6.6.6.6,\t203.0.113.7', '203.0.113.7'],
    ['203.0.113.7\t, 10.0.0.1:443', '203.0.113.7'],
    ['6.6.6.6, 203.0.113.7,, 10.0.0.1, ', '203.0.113.7'],
    ['10.0.0.2, 10.0.0.1', '10.0.0.2'],
    ['[2001:db8::9]:443', '2001:db8::9'],
    ['[2001:db8::9]', '2001:db8::9'],
    ['"[2001:db8::9]:443"', '2001:db8::9'],
    ['2001:DB8:0:0:0:0:0:9', '2001:db8::9'],
    ['2001:db8:0000::0009', '2001:db8::9'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['fe80::1%eth0', 'fe80::1'],
    ['64:ff9b::203.0.113.7', '64:ff9b::cb00:7107'],
    ['::203.0.113.7', '::203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::FFFF:203.0.113.7', '203.0.113.7'],
    ['::ffff:cb00:7107', '203.0.113.7'],
    ['0:0:0:0:0:ffff:cb00:7107', '203.0.113.7'],
    ['[::ffff:203.0.113.7]:443', '203.0.113.7'],
    ['::ffff:0:cb00:7107', '::ffff:0:cb00:7107'],
    // A trusted proxy in another spelling.
    ['203.0.113.7, ::FFFF:0a00:0001', '203.0.113.7'],
    ['203.0.113.7, [FD00:0::1]:8080', '203.0.113.7'],
    // No address: the proxy's.
    ['unknown', PROXY],
    ['_hidden', PROXY],
    ['_hidden:_port', PROXY],
    ['203.0.113.7, unknown', PROXY],
    ['unknown, 10.0.0.1', PROXY],
    ['203.0.113.7:port', PROXY],
    ['203.0.113.7:123456', PROXY],
    ['203.0.113.256', PROXY],
    ['010.0.0.1', PROXY],
    ['0x7f000001', PROXY],
    ['3405803783', PROXY],
    ['[2001:db8::9', PROXY],
    ['2001:db8::9]', PROXY],
    ['[unknown]:80', PROXY],
    ['203.0.113.7;5555', PROXY],
    ['for=203.0.113.7', PROXY],
    ['client.example', PROXY],
    ['<script>', PROXY],
    ['', PROXY],
  ];
  it(`is one canonical address: ${cases.length} spellings`, async (t) => {
    const running = await startApp(t, { TRUSTED_PROXIES: 'loopback,10.0.0.0/8,fd00::/8', WARN_INTERVAL_SECONDS: '0' });
    for (const [header] of cases) await refused(running, { 'X-Forwarded-For': header });
    assert.deepEqual(
      await refusedClients(running),
      cases.map(([, address]) => address),
    );
  });

  it('is read from several lines as from one', async (t) => {
    const running = await startApp(t, { TRUSTED_PROXIES: 'loopback,10.0.0.0/8' });
    await ask(
      running.port,
      handshake({
        path: '/x',
        headers: { 'X-Forwarded-For': '6.6.6.6\r\nX-Forwarded-For: 203.0.113.7:1\r\nX-Forwarded-For: 10.0.0.1:2' },
      }),
    );
    assert.deepEqual(await refusedClients(running), ['203.0.113.7']);
  });

  it('is what the proxy added, whatever the client put in front of it', () => {
    const addressOf = clientAddressOf({ ...defaultConfig(), trustedProxies: ['loopback'] });
    fc.assert(
      fc.property(headerText(), (forged) => {
        assert.equal(addressOf(requestWith({ 'x-forwarded-for': `${forged}, [2001:DB8::7]:443` })), '2001:db8::7');
      }),
    );
  });
});

describe('The client that a trusted proxy names in Forwarded, where CLIENT_ADDRESS_HEADER says so', () => {
  const cases: readonly (readonly [string, string])[] = [
    // The examples of RFC 7239, sections 4, 6 and 7.1, each with the address of its last element.
    ['for="_gazonk"', PROXY],
    ['For="[2001:db8:cafe::17]:4711"', '2001:db8:cafe::17'],
    ['for=192.0.2.60;proto=http;by=203.0.113.43', '192.0.2.60'],
    ['for=192.0.2.43, for=198.51.100.17', '198.51.100.17'],
    ['for="192.0.2.43:47011"', '192.0.2.43'],
    ['for=192.0.2.43, for="[2001:db8:cafe::17]"', '2001:db8:cafe::17'],
    ['for=_hidden, for=_SEVKISEK', PROXY],
    ['for=unknown', PROXY],
    ['proto=http;by=203.0.113.43', PROXY],
    ['by=203.0.113.43 ; FOR = 192.0.2.60', PROXY],
    ['by=203.0.113.43 ; FOR=192.0.2.60 ; proto=https', '192.0.2.60'],
    ['for=192.0.2.60:443', '192.0.2.60'],
    ['for=[2001:DB8::9]:443', '2001:db8::9'],
    ['for=2001:db8::9', '2001:db8::9'],
    ['for="\\[2001:db8::9\\]"', '2001:db8::9'],
    ['for=6.6.6.6,for=192.0.2.60,\tfor=10.0.0.1', '192.0.2.60'],
    ['for=192.0.2.60, for=10.0.0.1,', '192.0.2.60'],
    ['for="', PROXY],
    ['', PROXY],
    // What the client says of itself in its Host, or in front.
    ['host="a,for=6.6.6.6";for=192.0.2.60', '192.0.2.60'],
    ['for=192.0.2.60;host="a,for=6.6.6.6"', '192.0.2.60'],
    ['for=192.0.2.60;host="a;for=6.6.6.6;"', '192.0.2.60'],
    ['host="a\\",for=6.6.6.6,\\"";for=192.0.2.60', '192.0.2.60'],
    ['host="a;for=6.6.6.6";for=192.0.2.60', '192.0.2.60'],
    ['host="\\\\";for=192.0.2.60', '192.0.2.60'],
    ['for=", for="[2001:db8::9]"', '2001:db8::9'],
    ['for="6.6.6.6, for=192.0.2.60', '192.0.2.60'],
    ['for=6.6.6.6\\, for=192.0.2.60', '192.0.2.60'],
  ];
  it(`is found among its parameters: ${cases.length} forms`, async (t) => {
    const running = await startApp(t, {
      TRUSTED_PROXIES: 'loopback,10.0.0.0/8',
      CLIENT_ADDRESS_HEADER: 'forwarded',
      WARN_INTERVAL_SECONDS: '0',
    });
    for (const [header] of cases) await refused(running, { Forwarded: header, 'X-Forwarded-For': '6.6.6.6' });
    assert.deepEqual(
      await refusedClients(running),
      cases.map(([, address]) => address),
    );
  });

  it('is what the proxy added, whatever the client put in front of it or in its Host', () => {
    const config = { ...defaultConfig(), trustedProxies: ['loopback'], clientAddressHeader: 'Forwarded' as const };
    const addressOf = clientAddressOf(config);
    fc.assert(
      fc.property(headerText(), headerText(), (forged, host) => {
        const quoted = `"${host.replaceAll(/["\\]/g, '\\$&')}"`;
        const forwarded = `${forged}, proto=http;host=${quoted};for="[2001:DB8::7]:443";by=_x`;
        assert.equal(addressOf(requestWith({ forwarded })), '2001:db8::7');
      }),
    );
  });
});

describe('Every refusal names the client of the trusted proxy', () => {
  it('as a plain request (426), and by path, method, header, origin, token, limit and state of the instance', async (t) => {
    const running = await startApp(t, {
      TRUSTED_PROXIES: 'loopback',
      ALLOWED_ORIGINS: 'self',
      MAX_CONNECTIONS_PER_ADDRESS: '1',
      WARN_INTERVAL_SECONDS: '0',
    });
    const from = { 'X-Forwarded-For': '203.0.113.7:5555' };
    const send = (options: Parameters<typeof handshake>[0]): ReturnType<typeof ask> =>
      ask(running.port, handshake({ ...options, headers: { ...from, ...options?.headers } }));
    for (const upgrade of [undefined, 'h2c']) {
      const plain = new RawClient(running.port);
      plain.socket.write(handshake({ headers: { ...from, Upgrade: upgrade } }));
      await plain.until((text) => text.startsWith('HTTP/1.1 426 '));
      plain.socket.destroy();
    }
    await send({ path: '/x' });
    await send({ method: 'POST', headers: { 'Content-Length': '0' } });
    await send({ headers: { 'Sec-WebSocket-Key': 'x' } });
    await send({ headers: { 'Sec-WebSocket-Protocol': 'a b' } });
    await send({ headers: { Origin: 'https://evil.example' } });
    await send({ path: '/ws/chat/?resume=x' });
    await Client.open(running.url, { headers: { 'X-Forwarded-For': '203.0.113.7:6666' } });
    await send({});
    running.app.lifecycle.beginClosing('test');
    await send({});
    const lines = (await running.log()).filter(({ event }) => event === 'websocket_handshake_rejected');
    assert.deepEqual(
      lines.map((line) => [line['reason'], line['client_ip']]),
      [
        'not_upgrade',
        'not_upgrade',
        'path',
        'method',
        'malformed',
        'malformed',
        'origin',
        'resume_token',
        'address_connections',
        'draining',
      ].map((reason) => [reason, '203.0.113.7']),
    );
  });
});

describe('The limits of an address', () => {
  const from = (address: string): string => handshake({ path: '/ws/chat/', headers: { 'X-Forwarded-For': address } });
  const statusOf = async ({ port }: RunningApp, address: string): Promise<number | undefined> => {
    const sent = request({ port, path: '/ws/chat/', headers: headersOf(from(address)) }).end();
    return new Promise((resolve) => {
      sent.on('upgrade', () => {
        resolve(101);
      });
      sent.on('response', (response) => {
        resolve(response.resume().statusCode);
      });
    });
  };
  const limited = { TRUSTED_PROXIES: 'loopback', MAX_CONNECTIONS_PER_ADDRESS: '1' };

  it('hold six clients apart that a proxy names with their ports', async (t) => {
    const running = await startApp(t, { TRUSTED_PROXIES: 'loopback', MAX_CONNECTIONS_PER_ADDRESS: '3' });
    const statuses = [];
    for (const client of [1, 2, 3, 4, 5, 6]) statuses.push(await statusOf(running, `203.0.113.${client}:5555`));
    assert.deepEqual(statuses, [101, 101, 101, 101, 101, 101]);
  });

  it('count all spellings of an address, and all addresses of an IPv6 /64, as one client', async (t) => {
    const running = await startApp(t, limited);
    assert.equal(await statusOf(running, '2001:db8:1:2::9'), 101);
    for (const same of ['2001:DB8:1:2:0:0:0:9', '[2001:db8:1:2::9]:443', '2001:db8:1:2:ffff::1'])
      assert.equal(await statusOf(running, same), 429, same);
    assert.equal(await statusOf(running, '2001:db8:1:3::9'), 101);
    assert.equal(await statusOf(running, '203.0.113.7'), 101);
    assert.equal(await statusOf(running, '::ffff:cb00:7107'), 429);
    assert.equal(await statusOf(running, '203.0.113.8'), 101);
    const logged = (await running.log()).find(({ event }) => event === 'websocket_connected');
    assert.equal(logged?.['client_ip'], '2001:db8:1:2::9', 'the log has the whole address');
  });

  it('count a prefix of another length where IPV6_CLIENT_PREFIX says so', async (t) => {
    const whole = await startApp(t, { ...limited, IPV6_CLIENT_PREFIX: '128' });
    for (const address of ['2001:db8::1', '2001:db8::2']) assert.equal(await statusOf(whole, address), 101);
    assert.equal(await statusOf(whole, '2001:db8:0::2'), 429);
    const site = await startApp(t, { ...limited, IPV6_CLIENT_PREFIX: '52' });
    assert.equal(await statusOf(site, '2001:db8:0:1fff::1'), 101);
    assert.equal(await statusOf(site, '2001:db8:0:1000::1'), 429);
    assert.equal(await statusOf(site, '2001:db8:0:2000::1'), 101);
  });

  it('are free again for the network once its connection is closed', async (t) => {
    const running = await startApp(t, limited);
    assert.equal(await statusOf(running, '2001:db8::1'), 101);
    for (const connection of running.app.connections.shuffled()) connection.cut();
    while (running.app.connections.size > 0) await new Promise(setImmediate);
    assert.equal(await statusOf(running, '2001:db8::2'), 101);
  });
});

describe('An address', () => {
  it('of a socket is canonical too, and empty once the socket is closed', () => {
    const cases = {
      '::ffff:192.0.2.1': '192.0.2.1',
      '::1': '::1',
      'fe80::1%eth0': 'fe80::1',
      '192.0.2.1': '192.0.2.1',
    };
    for (const [raw, address] of Object.entries(cases)) assert.equal(socketAddress(raw), address);
    assert.equal(socketAddress(undefined), '');
  });

  it('has a network of as many bits as are asked for, if it is IPv6', () => {
    const networks: readonly (readonly [string, number, string])[] = [
      ['2001:db8:ffff:ffff:ffff::1', 64, '2001:db8:ffff:ffff::'],
      ['2001:db8:ffff:ffff:ffff::1', 56, '2001:db8:ffff:ff00::'],
      ['2001:db8:ffff:ffff:ffff::1', 49, '2001:db8:ffff:8000::'],
      ['2001:db8:ffff::1', 1, '::'],
      ['ffff::1', 1, '8000::'],
      ['ffff::3', 127, 'ffff::2'],
      ['ffff::3', 128, 'ffff::3'],
      ['192.0.2.255', 8, '192.0.2.255'],
      ['::203.0.113.7', 8, '::203.0.113.7'],
      ['', 64, ''],
    ];
    for (const [address, bits, network] of networks) assert.equal(networkOf(address, bits), network);
  });
});

/** A handshake that is refused, whatever the limits. */
async function refused({ port }: RunningApp, headers: Readonly<Record<string, string>>): Promise<void> {
  assert.equal((await ask(port, handshake({ path: '/x', headers }))).status, 404);
}

async function refusedClients({ log }: RunningApp): Promise<unknown[]> {
  return (await log()).filter(({ event }) => event === 'websocket_handshake_rejected').map((line) => line['client_ip']);
}

/** Text that a header may hold, rich in what separates and surrounds addresses. */
function headerText(): fc.Arbitrary<string> {
  const parts = ['"', '\\', ',', ';', '=', ' ', '\t', '[', ']', ':', 'for', '6.6.6.6', '2001:db8::6', 'unknown', 'x'];
  return fc.array(fc.constantFrom(...parts), { maxLength: 30 }).map((all) => all.join(''));
}

function requestWith(headers: Readonly<Record<string, string>>): IncomingMessage {
  return { headers, socket: { remoteAddress: '127.0.0.1' } } as unknown as IncomingMessage;
}

function headersOf(text: string): Record<string, string> {
  const lines = text.trim().split('\r\n').slice(1);
  return Object.fromEntries(lines.map((line) => line.split(': ') as [string, string]));
}
