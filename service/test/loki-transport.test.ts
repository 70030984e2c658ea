import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { createRequire } from 'node:module';
import { describe, it, type TestContext } from 'node:test';
import { BatchTransport } from '../src/loki/transport.ts';
import type { LokiStream } from '../src/loki/types.ts';
import { FaultyLoki } from '../../testkit/faulty-loki.ts';

const STREAMS: readonly LokiStream[] = [
  {
    labels: { service: 'test', level: 'INFO' },
    entries: [
      ['1700000000123000000', '{"one":"é"}', { pod: 'a', message: 'One' }],
      ['1700000000123000001', '{"two":2}', { pod: 'a' }],
    ],
  },
  { labels: { service: 'test', level: 'ERROR' }, entries: [['1700000000124000000', 'three', {}]] },
];

/** What loki/transport.ts relies on and winston-loki does not document. A failure here means: read its source before upgrading. */
describe('winston-loki', () => {
  it('is pinned to one version', () => {
    const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
    const { dependencies } = JSON.parse(manifest) as { dependencies: Record<string, string> };
    assert.match(dependencies['winston-loki'] ?? '', /^\d+\.\d+\.\d+$/);
  });

  it('sends all streams in one request, with nanoseconds, lines and structured metadata as they are', async (t) => {
    const { loki, transport } = await open(t);
    await transport.push(STREAMS);
    const expected = STREAMS.flatMap(({ labels, entries }) =>
      entries.map(([nanoseconds, line, metadata]) => ({ labels, nanoseconds: BigInt(nanoseconds), line, metadata })),
    );
    assert.deepEqual(loki.lines, expected);
    const { headers } = await loki.pushes.next();
    assert.equal(headers['content-type'], 'application/json');
    assert.equal(headers['x-scope-orgid'], 'a-tenant');
  });

  it('rejects with status and body for another status than 2xx, keeps nothing, and sends the next', async (t) => {
    const { loki, transport } = await open(t);
    for (const status of [400, 401, 429, 500, 503] as const) {
      loki.fault = status;
      await assert.rejects(transport.push(STREAMS), { statusCode: status, responseBody: 'as the test wants it' });
    }
    loki.mend();
    await transport.push(STREAMS);
    assert.equal(loki.lines.length, 3);
  });

  it('rejects with a system error for a connection that is refused or cut, keeps nothing, and sends the next', async (t) => {
    const { loki, transport } = await open(t);
    loki.fault = 'cut';
    await assert.rejects(transport.push(STREAMS), { code: 'ECONNRESET' });
    await loki.down();
    await assert.rejects(transport.push(STREAMS), { code: 'ECONNREFUSED' });
    await loki.up();
    loki.mend();
    await transport.push(STREAMS);
    assert.equal(loki.lines.length, 3);
  });

  it('gives a request up when its agent is destroyed, keeps nothing, and sends the next', async (t) => {
    const { loki, transport, agent } = await open(t);
    loki.fault = 'hang';
    const rejected = assert.rejects(transport.push(STREAMS), { code: 'ECONNRESET' });
    await loki.pushes.next();
    agent.destroy();
    await rejected;
    loki.mend();
    await transport.push(STREAMS);
    assert.equal(loki.lines.length, 3);
  });

  it('sends a stream without entries, which asks whether Loki takes pushes', async (t) => {
    const { loki, transport } = await open(t);
    loki.fault = 500;
    await assert.rejects(transport.push([{ labels: {}, entries: [] }]), { statusCode: 500 });
    loki.mend();
    await transport.push([{ labels: {}, entries: [] }]);
  });

  it('handles no SIGTERM, runs no timer, and loads no machine code', async (t) => {
    const before = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const { transport } = await open(t);
    await transport.push(STREAMS);
    assert.equal(process.listenerCount('SIGTERM'), 0);
    assert.ok(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length <= before);
    const loaded = Object.keys(createRequire(import.meta.url).cache);
    assert.ok(loaded.some((path) => path.includes('/winston-loki/')));
    assert.deepEqual(
      loaded.filter((path) => path.endsWith('.node') || path.includes('/snappy/')),
      [],
    );
  });
});

async function open(t: TestContext): Promise<{ loki: FaultyLoki; transport: BatchTransport; agent: Agent }> {
  const loki = await FaultyLoki.start(t);
  const agent = new Agent({ keepAlive: true });
  t.after(() => {
    agent.destroy();
  });
  const options = { url: `${loki.url}/`, headers: { 'X-Scope-OrgID': 'a-tenant' } };
  return { loki, transport: new BatchTransport(options, agent), agent };
}
