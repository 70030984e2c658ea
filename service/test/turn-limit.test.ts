import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startApp } from '../../testkit/app.ts';
import { Client } from '../../testkit/client.ts';
import { handshake, parseAnswer, RawClient } from '../../testkit/raw-client.ts';
import { TurnLimit } from '../src/connections/turn-limit.ts';

describe('Handshakes that come in one turn of the event loop', () => {
  it('are over the limit once those before them took its CPU time, until the next turn', () => {
    let now = 0;
    let nextTurn = (): void => undefined;
    const limit = new TurnLimit(
      0.1,
      () => now,
      (work) => (nextTurn = work),
    );
    const arrive = (takesMicros: number): boolean => {
      const isOver = limit.arrived();
      if (!isOver) now += takesMicros;
      return isOver;
    };
    assert.deepEqual([arrive(60_000), arrive(60_000), arrive(1), arrive(1)], [false, false, true, true]);
    nextTurn();
    assert.deepEqual([arrive(100_000), arrive(1), arrive(1)], [false, false, true]);
  });

  it('are refused with 503 and Retry-After beyond HANDSHAKE_TURN_SECONDS, and taken again in the next turn', async (t) => {
    const { url, port, scrape } = await startApp(t, { HANDSHAKE_TURN_SECONDS: '0.02' }, { authorize: spin });
    const texts = await Promise.all((await accepted(port, 50)).map(answered));
    const refused = texts.filter((text) => !text.startsWith('HTTP/1.1 101'));
    assert.ok(refused.length > 0);
    for (const { status, headers, body } of refused.map(parseAnswer)) {
      assert.deepEqual([status, body['error']], [503, 'busy']);
      assert.ok(Number(headers['retry-after']) >= 1);
      assert.ok(Number(body['retry_after_ms']) >= 100);
    }
    await Client.open(url);
    const metrics = await scrape();
    assert.equal(metrics.value('websocket_handshakes_rejected_total{reason="busy"}'), refused.length);
  });

  it('are all taken without a limit', async (t) => {
    const { port } = await startApp(t, { HANDSHAKE_TURN_SECONDS: '0' }, { authorize: spin });
    for (const text of await Promise.all((await accepted(port, 50)).map(answered)))
      assert.match(text, /^HTTP\/1\.1 101/);
  });
});

/** Takes 4 ms of CPU time. */
function spin(): object {
  const from = process.threadCpuUsage();
  let used = 0;
  while (used < 4000) {
    const { user, system } = process.threadCpuUsage(from);
    used = user + system;
  }
  return {};
}

/** Connections that the service has accepted, of which it takes one in a turn: their next requests can come at once. */
async function accepted(port: number, count: number): Promise<RawClient[]> {
  const clients = Array.from({ length: count }, () => new RawClient(port));
  const waiting = clients.map(async (client) => {
    client.socket.write('GET /healthz/ HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await client.until((text) => text.endsWith('}'));
    client.take(client.text.length);
  });
  await Promise.all(waiting);
  return clients;
}

/** Sends a handshake. @returns the head of the answer, with the body of one that refuses */
async function answered(client: RawClient): Promise<string> {
  client.socket.write(handshake());
  await client.until((text) => /^HTTP\/1\.1 101 [^]*\r\n\r\n|\}\n$/.test(text));
  return client.text;
}
