import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startApp } from '../../testkit/app.ts';
import { frame, OPCODE, RawClient } from '../../testkit/raw-client.ts';

/** The largest message of the Autobahn suite's cases 9.3.1 and 9.4.1. */
const MESSAGE_BYTES = 4 * 1024 * 1024;

for (const fastPath of ['true', 'false'])
  describe(`A message in fragments, with FAST_PATH=${fastPath}`, () => {
    for (const [maxBytes, fragments, size] of [
      [MESSAGE_BYTES, MESSAGE_BYTES / 64, 64],
      [MESSAGE_BYTES, 65_536, 1],
      [65_536, 16_384, 4],
      [65_536, 16_384, 0],
    ] as const)
      it(`is counted if they are ${fragments} of ${size} bytes, and MAX_MESSAGE_BYTES is ${maxBytes}`, async (t) => {
        const { port } = await startApp(t, { MAX_MESSAGE_BYTES: String(maxBytes), FAST_PATH: fastPath });
        const client = await RawClient.open(port);
        client.socket.write(inFragments(fragments, size));
        await client.until((text) => text.includes('"count": 1'));
        client.socket.destroy();
      });

    for (const [maxBytes, fragments] of [
      [MESSAGE_BYTES, 65_537],
      [65_536, 16_385],
      [100, 16_385],
    ] as const)
      it(`closes with 1008 if they are ${fragments}, and MAX_MESSAGE_BYTES is ${maxBytes}`, async (t) => {
        const { port, scrape } = await startApp(t, { MAX_MESSAGE_BYTES: String(maxBytes), FAST_PATH: fastPath });
        const client = await RawClient.open(port);
        client.socket.write(inFragments(fragments, 0));
        await client.until((text) => text.startsWith('\x88\x02\x03\xf0'));
        client.socket.destroy();
        const metrics = await scrape();
        assert.equal(metrics.value('websocket_errors_total{type="too_many_fragments"}'), 1);
        assert.equal(metrics.value('websocket_errors_total{type="protocol_error"}'), 0);
      });
  });

function inFragments(fragments: number, size: number): Buffer {
  const text = 'x'.repeat(size);
  const middle = frame(OPCODE.continuation, text, { fin: false });
  const first = frame(OPCODE.text, text, { fin: false });
  return Buffer.concat([first, ...Array<Buffer>(fragments - 2).fill(middle), frame(OPCODE.continuation, text)]);
}
