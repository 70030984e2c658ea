import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { constants, deflateRawSync } from 'node:zlib';
import { startApp, type RunningApp } from '../../testkit/app.ts';
import { Client } from '../../testkit/client.ts';
import { frame, handshake, OPCODE, RawClient, type FrameOptions } from '../../testkit/raw-client.ts';

/** RFC 7692, section 7.2.1: without the last four bytes. It takes many turns of the event loop to inflate. */
const LONG = deflateRawSync(Buffer.alloc(8_000_000, 'text '), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
/** Replies stay readable. */
const OFFER = 'permessage-deflate; server_no_context_takeover';
const MORE = Array.from({ length: 20 }, () => frame(OPCODE.text, 'more'));

const ENV = { PER_MESSAGE_DEFLATE: 'true', MAX_MESSAGE_BYTES: '10000000' };

describe('A client whose invalid frame waits behind a compressed message ends its own connection alone', () => {
  for (const [what, invalid, code] of [
    ['a close frame with an invalid code', frame(OPCODE.close, Buffer.from([0, 1])), 1002],
    ['a close frame of one byte', frame(OPCODE.close, Buffer.from([3])), 1002],
    ['a close frame with invalid UTF-8', frame(OPCODE.close, Buffer.from([3, 232, 0xff])), 1007],
    ['a text of invalid UTF-8', frame(OPCODE.text, Buffer.from([0xff])), 1007],
    ['an unmasked frame', frame(OPCODE.text, 'x', { masked: false }), 1002],
    ['an invalid opcode', frame(3, 'x'), 1002],
    ['an unexpected continuation', frame(OPCODE.continuation, 'x'), 1002],
    ['a message that is no deflated data', compressed(Buffer.from([0xff, 0xff])), 1007],
  ] as const)
    it(what, async (t) => {
      const running = await startApp(t, ENV);
      const client = await openCompressed(running);
      const other = await Client.open(running.url);
      await sendApart(client, [compressed(LONG), invalid, ...MORE]);
      await client.until((text) => text.includes(String.fromCharCode(0x88, 2, code >> 8, code & 0xff)));
      client.socket.destroy();
      assert.equal(await other.count(), 1);
      assert.equal((await running.scrape()).value('websocket_messages_total'), 2);
    });

  it('also behind a fragment', async (t) => {
    const running = await startApp(t, ENV);
    const client = await openCompressed(running);
    const other = await Client.open(running.url);
    await sendApart(client, [compressed(LONG, { fin: false }), frame(OPCODE.close, Buffer.from([0, 1])), ...MORE]);
    await client.until((text) => text.includes('\x88\x02\x03\xea'));
    client.socket.destroy();
    assert.equal(await other.count(), 1);
  });

  it('also when it leaves before the message is inflated', async (t) => {
    const running = await startApp(t, ENV);
    const client = await openCompressed(running);
    const other = await Client.open(running.url);
    await sendApart(client, [compressed(LONG), frame(OPCODE.close, Buffer.from([0, 1])), ...MORE]);
    client.socket.resetAndDestroy();
    while (running.app.connections.size > 1) await turn();
    assert.equal(await other.count(), 1);
  });
});

describe('While a service offers compression, messages are counted in order', () => {
  for (const [what, open, long] of [
    ['on a connection with it', openCompressed, compressed(LONG)],
    ['and on one without', ({ port }: RunningApp) => RawClient.open(port), frame(OPCODE.text, 'x'.repeat(500_000))],
  ] as const)
    it(what, async (t) => {
      const client = await open(await startApp(t, ENV));
      await sendApart(client, [...MORE, long, ...MORE, long, ...MORE, frame(OPCODE.close, '')]);
      await client.ended;
      const counts = Array.from(client.text.matchAll(/"count": (\d+)/g), ([, count]) => Number(count));
      assert.deepEqual(
        counts,
        Array.from({ length: 3 * MORE.length + 2 }, (_, index) => index + 1),
      );
    });
});

function compressed(data: Buffer, options: FrameOptions = {}): Buffer {
  const bytes = frame(OPCODE.text, data, options);
  bytes[0] = 0x40 | (bytes[0] as number);
  return bytes;
}

async function openCompressed({ port }: RunningApp): Promise<RawClient> {
  const client = new RawClient(port);
  client.socket.setNoDelay();
  client.socket.write(handshake({ headers: { 'Sec-WebSocket-Extensions': OFFER } }));
  await client.until((text) => text.includes('\r\n\r\n'));
  assert.match(client.take(client.text.indexOf('\r\n\r\n') + 4), /^HTTP\/1\.1 101 [^]*permessage-deflate/);
  return client;
}

/** Sends each part so that the service reads it by itself: it runs in this process, and reads once in each turn. */
async function sendApart(client: RawClient, parts: readonly Buffer[]): Promise<void> {
  for (const part of parts) {
    client.socket.write(part);
    for (let turns = 0; turns < 4; turns += 1) await turn();
  }
}
