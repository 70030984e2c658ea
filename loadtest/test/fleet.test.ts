import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { WebSocketServer } from 'ws';
import { ServiceProcess } from '../../testkit/process.ts';
import { Fleet, type FleetOptions, type FleetReport } from '../src/fleet.ts';

const CLIENTS = 20;
const QUICK: FleetOptions = { clients: CLIENTS, sendsPerSecond: 20, backoff: { baseMs: 50, maxMs: 100 }, breaks: true };
/** Clients wait no longer than this after a bye. */
const SHORT_WAIT = { RETRY_AFTER_MAX_SECONDS: '0.2', DRAIN_SPREAD_SECONDS: '0' };

async function startFleet(t: TestContext, { url }: ServiceProcess, options: FleetOptions): Promise<Fleet> {
  const fleet = await Fleet.start(url, options);
  t.after(() => fleet.end());
  await fleet.allOpen(10);
  return fleet;
}

/** Waits until each client had some more counts. */
async function countsMore(fleet: Fleet): Promise<FleetReport> {
  const { replied } = fleet.totals().counters;
  for (;;) {
    const report = await fleet.report();
    if (report.totals.counters.replied >= replied + 3 * CLIENTS) return report;
  }
}

async function countedBy(service: ServiceProcess): Promise<number> {
  return (await service.scrape()).value('websocket_messages_total');
}

describe('a fleet', { concurrency: 4 }, () => {
  it('has each of its messages counted once, as the service says', async (t) => {
    const service = await ServiceProcess.start(t);
    const fleet = await startFleet(t, service, { ...QUICK, processes: 2 });
    await countsMore(fleet);
    const { totals, violations } = await fleet.stop();
    assert.deepEqual(violations, []);
    assert.equal(totals.counters.replied, totals.counters.sent);
    assert.equal(await countedBy(service), totals.counters.sent);
    assert.deepEqual(totals.closesByCode, { 1000: CLIENTS });
    assert.equal(totals.open, 0);
  });

  it('comes back after a drain when it is asked to, and all that was counted was answered', async (t) => {
    const service = await ServiceProcess.start(t, SHORT_WAIT);
    const fleet = await startFleet(t, service, { ...QUICK, countsKept: false });
    await countsMore(fleet);
    service.signal('SIGTERM');
    await service.exited;
    const again = await ServiceProcess.start(t, { ...SHORT_WAIT, PORT: String(service.port) });
    const { breaks, violations } = await fleet.allOpen(10);
    assert.deepEqual(violations, []);
    assert.equal(breaks.length, CLIENTS);
    for (const { code, retryAfterMs, closedAt, reopenedAt = NaN } of breaks) {
      assert.equal(code, 1001);
      assert.ok(retryAfterMs !== undefined && retryAfterMs <= 200, `a bye asked for ${retryAfterMs} ms`);
      assert.ok(reopenedAt - closedAt >= retryAfterMs - 1, `back after ${reopenedAt - closedAt} of ${retryAfterMs} ms`);
    }
    const answeredBefore = fleet.totals().counters.replied;
    await countsMore(fleet);
    const { totals } = await fleet.stop();
    const answered = totals.counters.replied;
    assert.ok(answered > answeredBefore);
    assert.equal(totals.counters.byes, CLIENTS);
    // Nothing that a drained service counted is without an answer; what it left unanswered it did not count.
    assert.equal(totals.counters.sent - totals.counters.unanswered, answered);
    assert.ok((await countedBy(again)) <= answered);
  });

  it('is cut by a kill without a bye, and backs off until the service is there again', async (t) => {
    const service = await ServiceProcess.start(t);
    const fleet = await startFleet(t, service, { ...QUICK, countsKept: false });
    await countsMore(fleet);
    service.signal('SIGKILL');
    await service.exited;
    await fleet.allClosed(10);
    const again = await ServiceProcess.start(t, { PORT: String(service.port) });
    const { breaks } = await fleet.allOpen(10);
    assert.equal(breaks.length, CLIENTS);
    for (const { code, retryAfterMs, refusals } of breaks) {
      assert.deepEqual({ code, retryAfterMs }, { code: 1006, retryAfterMs: undefined });
      // A connection that waited to be accepted when the process was killed is reset.
      const others = refusals.filter((refusal) => refusal !== 'ECONNREFUSED' && refusal !== 'ECONNRESET');
      assert.deepEqual(others, []);
    }
    const { replied } = fleet.totals().counters;
    const { totals, violations } = await fleet.stop();
    assert.deepEqual(violations, []);
    assert.ok(totals.counters.replied >= replied);
    assert.ok((await countedBy(again)) <= totals.counters.replied);
  });

  it('finds out counts that a restart of the memory store forgot, if they are to be kept', async (t) => {
    const service = await ServiceProcess.start(t, SHORT_WAIT);
    const fleet = await startFleet(t, service, QUICK);
    await countsMore(fleet);
    service.signal('SIGTERM');
    await service.exited;
    await ServiceProcess.start(t, { PORT: String(service.port) });
    await fleet.allOpen(10);
    await countsMore(fleet);
    const { totals } = await fleet.stop();
    assert.deepEqual(totals.violationsByKind, { reset: CLIENTS });
  });

  it('sends when it is told, at a rate in all, and as fast as it is answered', async (t) => {
    const service = await ServiceProcess.start(t, { MESSAGE_RATE: '0' });
    const fleet = await startFleet(t, service, {
      clients: 10,
      sendsPerSecond: 0,
      connectsAtOnce: 3,
      reconnect: 'never',
    });
    assert.equal(fleet.totals().counters.sent, 0);
    const paced = await fleet.send({ perSecond: 200, seconds: 1, senders: 4 });
    const { sent, replied } = paced.totals.counters;
    assert.ok(Math.abs(sent - 200) < 20, `${sent} messages`);
    assert.equal(replied, sent);
    assert.ok(paced.times.reply.p50 !== null && paced.seconds >= 1);
    const fast = await fleet.send({ perSecond: Infinity, seconds: 0.5 });
    assert.equal(fast.totals.counters.replied, fast.totals.counters.sent);
    assert.ok(fast.totals.counters.sent > 200, `${fast.totals.counters.sent} messages`);
    await fleet.drop();
    const { totals } = await fleet.allClosed(5);
    assert.deepEqual(totals.closesByCode, { 1006: 10 });
    assert.equal(await countedBy(service), totals.counters.sent);
    await fleet.stop();
  });

  it('speaks to a server of another protocol by a dialect', async (t) => {
    const received: string[] = [];
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    t.after(() => {
      server.close();
    });
    server.on('connection', (socket) => {
      socket.on('message', (data: Buffer) => {
        const text = data.toString();
        received.push(text);
        if (text === 'hello') socket.send('welcome\nstill?');
        if (text.startsWith('m ')) socket.send(text.replace('m', 'c'));
      });
    });
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const dialect = new URL('support/numbered-dialect.ts', import.meta.url).href;
    const fleet = await Fleet.start(`ws://127.0.0.1:${port}/other/`, { clients: 2, sendsPerSecond: 0, dialect });
    t.after(() => fleet.end());
    await fleet.allOpen(10);
    const { totals, violations } = await fleet.send({ perSecond: 20, seconds: 0.5 });
    assert.deepEqual(violations, []);
    assert.deepEqual([totals.counters.sent, totals.counters.replied], [10, 10]);
    assert.equal(received.filter((text) => text === 'here').length, 2);
    assert.deepEqual(
      received.filter((text) => text.startsWith('m ')).toSorted(),
      [1, 2, 3, 4, 5].flatMap((n) => [`m ${n}`, `m ${n}`]),
    );
    await fleet.stop();
  });
});
