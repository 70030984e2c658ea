import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { startApp } from '../../testkit/app.ts';
import { Client } from '../../testkit/client.ts';
import { frame, OPCODE, RawClient } from '../../testkit/raw-client.ts';

describe('A text message', () => {
  it('is counted and answered, one reply a message, in order', async (t) => {
    const { url } = await startApp(t);
    const client = await Client.open(url);
    for (let sent = 0; sent < 100; sent += 1) client.socket.send(`message ${sent}`);
    for (let expected = 1; expected <= 100; expected += 1)
      assert.deepEqual(await client.messages.next(), { count: expected });
  });

  it('gets its reply with the exact text of the protocol', async (t) => {
    const { port } = await startApp(t);
    const client = await RawClient.open(port);
    client.send(OPCODE.text, 'hello');
    await client.until((text) => text.length >= 14);
    assert.equal(client.text, '\x81\x0c{"count": 1}');
    client.socket.destroy();
  });

  it('is answered the same, and its bytes counted the same, where frames are compressed and where not', async (t) => {
    const { url, scrape } = await startApp(t, { PER_MESSAGE_DEFLATE: 'true' });
    for (const perMessageDeflate of [true, false]) {
      const client = await Client.open(url, { perMessageDeflate });
      assert.equal(client.socket.extensions, perMessageDeflate ? 'permessage-deflate' : '');
      for (let sent = 0; sent < 20; sent += 1) client.socket.send('x'.repeat(2000));
      for (let expected = 1; expected <= 20; expected += 1)
        assert.deepEqual(await client.messages.next(), { count: expected });
    }
    const bytes = 9 * '{"count": 1}'.length + 11 * '{"count": 10}'.length;
    assert.equal((await scrape()).value('websocket_sent_bytes_total'), 2 * bytes);
  });

  it('of 0 bytes is counted', async (t) => {
    const { url } = await startApp(t);
    const client = await Client.open(url);
    assert.equal(await client.count(''), 1);
  });

  it('of the size limit is counted, and one byte more closes with 1009', async (t) => {
    const { url, scrape } = await startApp(t, { MAX_MESSAGE_BYTES: '1000' });
    const client = await Client.open(url);
    assert.equal(await client.count('x'.repeat(1000)), 1);
    client.socket.send('x'.repeat(1001));
    assert.equal((await client.closed).code, 1009);
    const metrics = await scrape();
    assert.equal(metrics.value('websocket_messages_total'), 1);
    assert.equal(metrics.value('websocket_messages_rejected_total{reason="too_big"}'), 1);
    assert.equal(metrics.value('websocket_errors_total{type="message_too_big"}'), 1);
    assert.equal(metrics.value('websocket_connections_closed_total{code="1009",initiator="server"}'), 1);
  });

  it('in fragments over the limit together closes with 1009', async (t) => {
    const { port } = await startApp(t, { MAX_MESSAGE_BYTES: '1000' });
    const client = await RawClient.open(port);
    client.send(OPCODE.text, 'x'.repeat(600), { fin: false });
    client.send(OPCODE.continuation, 'x'.repeat(600));
    await client.ended;
    assert.equal(closeCodeOf(client), 1009);
  });

  it('in fragments, a ping between them, is one message', async (t) => {
    const { port } = await startApp(t);
    const client = await RawClient.open(port);
    client.send(OPCODE.text, 'one ', { fin: false });
    client.send(OPCODE.ping, 'still there?');
    client.send(OPCODE.continuation, 'two ', { fin: false });
    client.send(OPCODE.continuation, '');
    await client.until((text) => text.includes('count'));
    assert.equal(client.text, '\x8a\x0cstill there?\x81\x0c{"count": 1}');
    client.socket.destroy();
  });

  it('that is not UTF-8 closes with 1007 and is not counted', async (t) => {
    const { port, scrape } = await startApp(t);
    const client = await RawClient.open(port);
    client.send(OPCODE.text, Buffer.from([0xc3, 0x28]));
    await client.ended;
    assert.equal(closeCodeOf(client), 1007);
    const metrics = await scrape();
    assert.equal(metrics.value('websocket_messages_total'), 0);
    assert.equal(metrics.value('websocket_errors_total{type="invalid_utf8"}'), 1);
    assert.equal(metrics.value('websocket_connections_closed_total{code="1007",initiator="server"}'), 1);
  });
});

describe('A message that breaks the protocol', () => {
  it('binary, closes with 1003 and is not counted', async (t) => {
    const { url, scrape } = await startApp(t);
    const client = await Client.open(url);
    await client.count();
    client.socket.send(Buffer.from('binary'));
    assert.equal((await client.closed).code, 1003);
    const metrics = await scrape();
    assert.equal(metrics.value('websocket_messages_total'), 1);
    assert.equal(metrics.value('websocket_messages_rejected_total{reason="binary"}'), 1);
    assert.equal(metrics.value('websocket_errors_total{type="binary_message"}'), 1);
  });

  for (const [what, bytes] of [
    ['not masked', frame(OPCODE.text, 'hello', { masked: false })],
    ['with a reserved opcode', frame(3, 'hello')],
    ['a continuation of nothing', frame(OPCODE.continuation, 'hello')],
    ['a ping over 125 bytes', frame(OPCODE.ping, 'x'.repeat(126))],
    ['a close frame with a reserved code', frame(OPCODE.close, Buffer.from([0x03, 0xed]))],
  ] as const)
    it(`${what}, closes with 1002 and harms no one else`, async (t) => {
      const { port, url, scrape } = await startApp(t);
      const other = await Client.open(url);
      const client = await RawClient.open(port);
      client.socket.write(bytes);
      await client.ended;
      assert.equal(closeCodeOf(client), 1002);
      assert.equal(await other.count(), 1);
      assert.equal((await scrape()).value('websocket_errors_total{type="protocol_error"}'), 1);
    });

  it('is seen by its own client alone: what came before it is answered', async (t) => {
    const { port } = await startApp(t);
    const client = await RawClient.open(port);
    client.socket.write(
      Buffer.concat([frame(OPCODE.text, 'good'), frame(OPCODE.binary, 'bad'), frame(OPCODE.text, 'late')]),
    );
    await client.ended;
    assert.ok(client.text.startsWith('\x81\x0c{"count": 1}'));
    assert.ok(!client.text.includes('"count": 2'));
  });
});

describe('A session', () => {
  it('has the UUID asked for, or a new one, told in the headers of the handshake', async (t) => {
    const { url } = await startApp(t);
    const id = randomUUID();
    const asked = new Client(`${url}?session_id=${id}`);
    assert.equal((await asked.headers)['x-session-id'], id);
    const made = new Client(url);
    assert.match(String((await made.headers)['x-session-id']), /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });

  it('goes on counting when it is resumed, in whichever case its UUID is written', async (t) => {
    const { url, scrape } = await startApp(t);
    const id = randomUUID();
    const first = await Client.open(`${url}?session_id=${id}`);
    await first.count();
    await first.count();
    await first.close();
    const second = await Client.open(`${url}?session_id=${id.toUpperCase()}`);
    assert.equal(await second.count(), 3);
    const metrics = await scrape();
    assert.equal(metrics.value('websocket_sessions_created_total'), 1);
    assert.equal(metrics.value('websocket_sessions_resumed_total'), 1);
    assert.equal(metrics.value('websocket_sessions'), 1);
  });

  it('with two connections at once counts both, losing and doubling nothing', async (t) => {
    const { url } = await startApp(t, { MESSAGE_RATE: '0' });
    const id = randomUUID();
    const clients = await Promise.all([0, 1].map(() => Client.open(`${url}?session_id=${id}`)));
    const told = await Promise.all(
      clients.map(async (client) => {
        const counts: number[] = [];
        for (let sent = 0; sent < 500; sent += 1) counts.push(await client.count());
        return counts;
      }),
    );
    for (const counts of told)
      assert.deepEqual(
        counts,
        [...counts].sort((a, b) => a - b),
      );
    assert.deepEqual(
      told.flat().sort((a, b) => a - b),
      Array.from({ length: 1000 }, (_, index) => index + 1),
    );
  });

  it('is resumed while its old connection is half open, and the old one harms nothing when it ends', async (t) => {
    const { url, port, scrape } = await startApp(t, { HEARTBEAT_INTERVAL_SECONDS: '0.2' });
    const id = randomUUID();
    const silent = await RawClient.open(port, `/ws/chat/?session_id=${id}`);
    silent.send(OPCODE.text, 'the last word before the network went');
    await silent.until((text) => text.includes('count'));
    const resumed = await Client.open(`${url}?session_id=${id}`);
    assert.equal(await resumed.count(), 2);
    await silent.ended;
    assert.equal(await resumed.count(), 3);
    const metrics = await scrape();
    assert.equal(metrics.value('websocket_active_connections'), 1);
    assert.equal(metrics.value('websocket_errors_total{type="heartbeat_timeout"}'), 1);
    assert.equal(metrics.value('websocket_connections_closed_total{code="1006",initiator="server"}'), 1);
  });
});

describe('A heartbeat', () => {
  it('is a time stamp in ISO 8601, to every client, each interval, with a ping', async (t) => {
    const { url } = await startApp(t, { HEARTBEAT_INTERVAL_SECONDS: '0.3' });
    const clients = await Promise.all([0, 1, 2].map(() => Client.open(url)));
    for (const client of clients) {
      const pinged = once(client.socket, 'ping');
      const first = await client.messages.next();
      assert.deepEqual(Object.keys(first), ['ts']);
      assert.equal(new Date(String(first['ts'])).toISOString(), first['ts']);
      await pinged;
      const second = await client.messages.next();
      const between = Date.parse(String(second['ts'])) - Date.parse(String(first['ts']));
      assert.ok(between > 150, `${between} ms lie between two heartbeats`);
    }
  });

  it('that nothing answers ends the connection before the next but one', async (t) => {
    const { port } = await startApp(t, { HEARTBEAT_INTERVAL_SECONDS: '0.2' });
    const silent = await RawClient.open(port);
    await silent.ended;
    assert.equal(silent.text.split('{"ts"').length - 1, 1);
  });
});

describe('Pings', () => {
  it('are all answered in order, however many come at once, and the messages among them', async (t) => {
    const { port } = await startApp(t);
    const client = await RawClient.open(port);
    const pings = Array.from({ length: 150 }, (_, index) => `ping ${index}`);
    client.socket.write(
      Buffer.concat(pings.flatMap((text) => [frame(OPCODE.ping, text), frame(OPCODE.text, 'hello')])),
    );
    await client.until((text) => text.includes('{"count": 150}'));
    assert.deepEqual(client.text.match(/ping \d+/g), pings);
  });

  it('without end, from a client that never reads, end it at the bound on buffered bytes', async (t) => {
    const { port, scrape } = await startApp(t, { MAX_BUFFERED_BYTES: '200000' });
    const deaf = await RawClient.open(port);
    deaf.socket.pause();
    const flood = Buffer.concat(Array.from({ length: 2000 }, () => frame(OPCODE.ping, 'x'.repeat(125))));
    while ((await scrape()).value('websocket_errors_total{type="slow_reader"}') === 0) deaf.socket.write(flood);
    await untilClosed(scrape);
    deaf.socket.destroy();
  });
});

describe('A client that closes', () => {
  it('with 1000 gets 1000 back', async (t) => {
    const { url, scrape } = await startApp(t);
    const client = await Client.open(url);
    assert.equal((await client.close()).code, 1000);
    await untilClosed(scrape);
    assert.equal((await scrape()).value('websocket_connections_closed_total{code="1000",initiator="client"}'), 1);
  });

  it('without a code is counted as 1005', async (t) => {
    const { url, scrape } = await startApp(t);
    const client = await Client.open(url);
    client.socket.close();
    await client.closed;
    await untilClosed(scrape);
    assert.equal((await scrape()).value('websocket_connections_closed_total{code="1005",initiator="client"}'), 1);
  });

  it('with a code of its own is counted as other', async (t) => {
    const { url, scrape } = await startApp(t);
    const client = await Client.open(url);
    client.socket.close(4321);
    assert.equal((await client.closed).code, 4321);
    await untilClosed(scrape);
    assert.equal((await scrape()).value('websocket_connections_closed_total{code="other",initiator="client"}'), 1);
  });

  it('by tearing the socket is counted as 1006', async (t) => {
    const { url, scrape } = await startApp(t);
    const client = await Client.open(url);
    client.socket.terminate();
    await untilClosed(scrape);
    assert.equal((await scrape()).value('websocket_connections_closed_total{code="1006",initiator="client"}'), 1);
  });
});

describe('A client that never reads', () => {
  it('is ended at the bound on buffered bytes, and no one else is slowed', async (t) => {
    const { url, port, scrape } = await startApp(t, { MESSAGE_RATE: '0', MAX_BUFFERED_BYTES: '200000' });
    const other = await Client.open(url);
    const deaf = await RawClient.open(port);
    deaf.socket.pause();
    const flood = Buffer.concat(Array.from({ length: 2000 }, () => frame(OPCODE.text, '')));
    const delays: number[] = [];
    const metrics = async (): Promise<boolean> =>
      (await scrape()).value('websocket_errors_total{type="slow_reader"}') === 1;
    while (!(await metrics())) {
      deaf.socket.write(flood);
      const sentAt = performance.now();
      await other.count();
      delays.push(performance.now() - sentAt);
    }
    delays.sort((a, b) => a - b);
    const median = delays[Math.floor(delays.length / 2)] as number;
    assert.ok(median < 1000, `the median reply to the other client took ${median} ms beside a flood`);
    assert.equal((await scrape()).value('websocket_active_connections'), 1);
    deaf.socket.destroy();
  });
});

/** The code of the close frame at the end of what a raw client received. */
function closeCodeOf(client: RawClient): number {
  const start = client.text.lastIndexOf('\x88');
  return Buffer.from(client.text.slice(start + 2, start + 4), 'latin1').readUInt16BE();
}

/** A client sees its close answered before the service has seen the socket's end. */
async function untilClosed(scrape: () => Promise<{ value(series: string): number }>): Promise<void> {
  while ((await scrape()).value('websocket_active_connections') > 0);
}
