import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { CODE_LABELS, ERROR_TYPES, MESSAGE_REJECTIONS } from '../src/metrics/metrics.ts';
import { REJECTIONS } from '../src/protocol/protocol.ts';
import { startApp } from '../../testkit/app.ts';
import { Client } from '../../testkit/client.ts';
import { ask, frame, handshake, OPCODE, RawClient } from '../../testkit/raw-client.ts';
import type { Scrape } from '../../testkit/scrape.ts';
import { SEED, seeded } from '../../testkit/seed.ts';

describe('A scrape', () => {
  it('has the guide’s five metrics, with their names', async (t) => {
    const { url, scrape } = await startApp(t);
    const client = await Client.open(url);
    await client.count();
    await client.close();
    const metrics = await scrape();
    assert.equal(metrics.value('websocket_active_connections'), 0);
    assert.equal(metrics.value('websocket_messages_total'), 1);
    assert.equal(metrics.sum('websocket_errors_total'), 0);
    assert.equal(metrics.value('websocket_connection_duration_seconds_bucket{le="1"}'), 1);
    assert.equal(metrics.value('websocket_shutdown_time_seconds'), 0);
  });

  it('is text 0.0.4, with a type that Prometheus 3 asks for, with and without the slash', async (t) => {
    const { origin } = await startApp(t);
    for (const path of ['/metrics/', '/metrics']) {
      const response = await fetch(`${origin}${path}`, { headers: { Accept: 'application/openmetrics-text' } });
      assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
      assert.match(await response.text(), /^# TYPE websocket_messages_total counter$/m);
    }
  });

  it('has every known label value from the first one on', async (t) => {
    const metrics = await (await startApp(t)).scrape();
    for (const type of Object.keys(ERROR_TYPES))
      assert.equal(metrics.value(`websocket_errors_total{type="${type}"}`), 0);
    for (const reason of Object.keys(REJECTIONS))
      assert.equal(metrics.value(`websocket_handshakes_rejected_total{reason="${reason}"}`), 0);
    for (const kind of ['minor', 'incremental', 'major', 'weakcb'])
      assert.ok(Number.isFinite(metrics.value(`nodejs_gc_duration_seconds_count{kind="${kind}"}`)));
    for (const reason of MESSAGE_REJECTIONS)
      assert.equal(metrics.value(`websocket_messages_rejected_total{reason="${reason}"}`), 0);
    for (const code of CODE_LABELS)
      for (const initiator of ['client', 'server'])
        assert.equal(metrics.value(`websocket_connections_closed_total{code="${code}",initiator="${initiator}"}`), 0);
  });

  it('measures the time of messages from 10 µs on, so that quantiles are not made up within one wide bucket', async (t) => {
    const { text } = await (await startApp(t)).scrape();
    const bounds = [...text.matchAll(/^websocket_message_duration_seconds_bucket\{le="([\d.]+)"\}/gm)];
    const first = bounds.slice(0, 6).map(([, bound]) => Number(bound));
    assert.deepEqual(first, [0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005]);
  });

  it('says the limits in force', async (t) => {
    const metrics = await (await startApp(t, { MAX_CONNECTIONS: '77', MAX_MESSAGE_BYTES: '88' })).scrape();
    assert.equal(metrics.value('websocket_limit_connections'), 77);
    assert.equal(metrics.value('websocket_limit_message_bytes'), 88);
  });

  it('agrees with the table in docs/metrics.md, name, type and help', async (t) => {
    const metrics = await (await startApp(t)).scrape();
    const table = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
    const documented = [...table.matchAll(/^\| `(\w+)` \| (\w+) \|/gm)]
      .map(([, name, type]) => `${name} ${type}`)
      .sort();
    const scraped = [...metrics.text.matchAll(/^# TYPE (\w+) (\w+)$/gm)]
      .map(([, name, type]) => `${name} ${type}`)
      .sort();
    assert.deepEqual(documented, scraped);
  });

  it('has no series twice and no label that grows with clients', async (t) => {
    const { url, scrape } = await startApp(t);
    const before = await scrape();
    const clients = await Promise.all(
      Array.from({ length: 30 }, () => Client.open(`${url}?session_id=${randomUUID()}`)),
    );
    await Promise.all(clients.map((client) => client.count()));
    const after = await scrape();
    const series = after.text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
    assert.equal(series, after.series.size, 'a series is there twice');
    const ours = (scrape: Scrape): string[] =>
      [...scrape.series.keys()].filter((name) => name.startsWith('websocket_'));
    assert.deepEqual(ours(after), ours(before));
  });
});

describe('Counts agree exactly with what clients counted', () => {
  it('after any mix of successes and errors', async (t) => {
    const { url, port, scrape } = await startApp(t, { MESSAGE_RATE: '0', MAX_MESSAGE_BYTES: '100' });
    const told = { messages: 0, bytes: 0, opened: 0, codes: new Map<number, number>(), refused: 0 };
    const random = seeded(SEED);
    const one = async (): Promise<void> => {
      const choice = Math.floor(random() * 6);
      if (choice === 0) {
        assert.equal((await ask(port, handshake({ path: '/ws/chat/?session_id=x' }))).status, 400);
        told.refused += 1;
        return;
      }
      const client = await Client.open(url);
      told.opened += 1;
      const messages = Math.floor(random() * 20);
      for (let sent = 0; sent < messages; sent += 1) {
        const text = 'é'.repeat(Math.floor(random() * 50));
        await client.count(text);
        told.messages += 1;
        told.bytes += Buffer.byteLength(text);
      }
      if (choice === 1) client.socket.send(Buffer.from('binary'));
      else if (choice === 2) client.socket.send('x'.repeat(101));
      else if (choice === 3) client.socket.close();
      else client.socket.close(1000);
      const { code } = await client.closed;
      told.codes.set(code, (told.codes.get(code) ?? 0) + 1);
    };
    await Promise.all(Array.from({ length: 200 }, one));
    while ((await scrape()).value('websocket_active_connections') > 0);
    const metrics = await scrape();
    assert.equal(metrics.value('websocket_messages_total'), told.messages);
    assert.equal(metrics.value('websocket_message_duration_seconds_count'), told.messages);
    assert.equal(metrics.value('websocket_received_bytes_total'), told.bytes);
    assert.equal(metrics.value('websocket_connections_opened_total'), told.opened);
    assert.equal(metrics.value('websocket_connection_duration_seconds_count'), told.opened);
    assert.equal(metrics.value('websocket_handshakes_rejected_total{reason="malformed"}'), told.refused);
    for (const [code, times] of told.codes)
      assert.equal(metrics.sum('websocket_connections_closed_total', `code="${code}"`), times, `closes with ${code}`);
    assert.equal(metrics.sum('websocket_connections_closed_total'), told.opened);
    assert.equal(
      metrics.sum('websocket_errors_total'),
      told.refused + (told.codes.get(1003) ?? 0) + (told.codes.get(1009) ?? 0),
    );
  });

  it('when messages come after the close frame: rejected as closing, not counted', async (t) => {
    const { port, scrape } = await startApp(t);
    const client = await RawClient.open(port);
    client.socket.write(
      Buffer.concat([frame(OPCODE.binary, 'x'), frame(OPCODE.text, 'late'), frame(OPCODE.text, 'later')]),
    );
    await client.until((text) => text.includes('\x88'));
    const metrics = await scrape();
    assert.equal(metrics.value('websocket_messages_total'), 0);
    assert.equal(metrics.value('websocket_messages_rejected_total{reason="closing"}'), 2);
    client.socket.destroy();
  });
});
