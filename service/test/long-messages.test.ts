import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startApp } from '../../testkit/app.ts';
import { frame, OPCODE, RawClient } from '../../testkit/raw-client.ts';

for (const FAST_PATH of ['true', 'false'])
  describe(`A client that sends one long message, with FAST_PATH=${FAST_PATH}`, () => {
    it('lives while its bytes come, and is counted', async (t) => {
      const { port } = await startApp(t, { FAST_PATH, HEARTBEAT_INTERVAL_SECONDS: '0.3' });
      const client = await RawClient.open(port);
      const bytes = frame(OPCODE.text, 'x'.repeat(60_000));
      for (let at = 0; at < bytes.length; at += 1000) {
        client.socket.write(bytes.subarray(at, at + 1000));
        await sleep(30);
      }
      await client.until((text) => text.includes('"count": 1'));
      client.socket.destroy();
    });

    it('is closed with 1008 after MESSAGE_TIMEOUT_SECONDS, though a byte comes at each heartbeat', async (t) => {
      const env = { FAST_PATH, HEARTBEAT_INTERVAL_SECONDS: '0.2', MESSAGE_TIMEOUT_SECONDS: '0.6' };
      const { port, scrape } = await startApp(t, env);
      const client = await RawClient.open(port);
      client.send(OPCODE.text, 'first', { fin: false });
      const pongs = setInterval(() => {
        client.send(OPCODE.continuation, 'x', { fin: false });
        client.send(OPCODE.pong, '');
      }, 100);
      await client.until((text) => text.includes('\x03\xf0a message took too long'));
      clearInterval(pongs);
      client.socket.destroy();
      assert.equal((await scrape()).value('websocket_errors_total{type="message_timeout"}'), 1);
    });

    it('is closed with 1008 when it is one frame of which a byte comes at each heartbeat, and no pong', async (t) => {
      const env = { FAST_PATH, HEARTBEAT_INTERVAL_SECONDS: '0.2', MESSAGE_TIMEOUT_SECONDS: '0.6' };
      const { port, scrape } = await startApp(t, env);
      const client = await RawClient.open(port);
      const bytes = frame(OPCODE.text, 'x'.repeat(1000));
      let at = 0;
      const drip = (): void => {
        client.socket.write(bytes.subarray(at, (at += 1)));
      };
      drip();
      client.socket.on('data', drip);
      await client.until((text) => text.includes('\x03\xf0a message took too long'));
      client.socket.destroy();
      assert.equal((await scrape()).value('websocket_errors_total{type="message_timeout"}'), 1);
    });
  });
