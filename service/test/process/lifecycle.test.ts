import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { ADMIN_HEADER } from '../../src/http/admin-server.ts';
import { Client } from '../../../testkit/client.ts';
import { ServiceProcess, runToEnd } from '../../../testkit/process.ts';
import { ask, handshake, OPCODE, RawClient } from '../../../testkit/raw-client.ts';
import { AS_PROMETHEUS } from '../../../testkit/scrape.ts';

describe('SIGTERM', () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    it(`${signal === 'SIGINT' ? 'or SIGINT ' : ''}gives every client its bye with its total, then 1001, and ends with 0`, async (t) => {
      const service = await ServiceProcess.start(t, { RETRY_AFTER_MIN_SECONDS: '0.5', RETRY_AFTER_MAX_SECONDS: '2' });
      const clients = await Promise.all(Array.from({ length: 20 }, () => Client.open(service.url)));
      await Promise.all(clients.flatMap((client, index) => Array.from({ length: index }, () => client.count())));
      service.signal(signal);
      for (const [index, client] of clients.entries()) {
        const bye = await client.bye();
        assert.deepEqual(Object.keys(bye), ['bye', 'total', 'session_id', 'retry_after_ms']);
        assert.equal(bye.total, index);
        assert.ok(bye.retry_after_ms >= 500 && bye.retry_after_ms <= 2000);
        assert.deepEqual(await client.closed, { code: 1001, reason: 'drain' });
      }
      assert.deepEqual(await service.exited, { status: 0, signal: null });
      assert.deepEqual(
        service.log.filter(({ logger }) => logger === 'chat.service').map(({ event }) => event),
        [
          'service_starting',
          'service_listening',
          'drain_started',
          'drain_closing',
          'drain_finished',
          'service_stopped',
        ],
      );
    });

  it('without connections ends at once', async (t) => {
    const service = await ServiceProcess.start(t, { DRAIN_SPREAD_SECONDS: '60', DRAIN_TIMEOUT_SECONDS: '90' });
    const signalledAt = performance.now();
    service.signal('SIGTERM');
    assert.equal((await service.exited).status, 0);
    assert.ok(performance.now() - signalledAt < 30_000);
  });

  it('spreads the closes over the window, each client with a delay of its own', async (t) => {
    const service = await ServiceProcess.start(t, { DRAIN_SPREAD_SECONDS: '3' });
    const clients = await Promise.all(Array.from({ length: 200 }, () => Client.open(service.url)));
    service.signal('SIGTERM');
    await service.event('drain_closing');
    const startedAt = performance.now();
    const closes = await Promise.all(
      clients.map(async (client) => {
        const { retry_after_ms } = await client.bye();
        return { at: performance.now() - startedAt, retry_after_ms };
      }),
    );
    // A busy machine makes closes late and bunches them, but neither early nor all of them.
    const times = closes.map(({ at }) => at).sort((one, other) => one - other);
    const [first = 0, median = 0, last = 0] = [times.at(0), times.at(100), times.at(-1)];
    assert.ok(last - first > 700, `the window was ${last - first} ms`);
    assert.ok(median - first > 0.1 * (last - first), `half of the closes came by ${median - first} ms`);
    assert.ok(new Set(closes.map(({ retry_after_ms }) => retry_after_ms)).size > 150);
    assert.equal((await service.exited).status, 0);
  });

  it('refuses new connections with 503 while it closes the old ones, and stays alive for probes', async (t) => {
    const service = await ServiceProcess.start(t, { CLOSE_TIMEOUT_SECONDS: '3' });
    const deaf = await openDeaf(service);
    service.signal('SIGTERM');
    await service.event('drain_closing');
    const answer = await ask(service.port, handshake());
    assert.deepEqual([answer.status, answer.body['error']], [503, 'draining']);
    assert.ok(Number(answer.headers['retry-after']) >= 1);
    assert.equal((await fetch(`${service.origin}/healthz/`)).status, 200);
    const ready = await fetch(`${service.origin}/readyz/`);
    assert.deepEqual([ready.status, ((await ready.json()) as Record<string, unknown>)['status']], [503, 'draining']);
    deaf.socket.destroy();
    assert.equal((await service.exited).status, 0);
  });

  it('answers every message that had arrived before its bye, and counts none after it', async (t) => {
    const service = await ServiceProcess.start(t, { MESSAGE_RATE: '0', DRAIN_SPREAD_SECONDS: '0.5' });
    const clients = await Promise.all(Array.from({ length: 100 }, () => Client.open(service.url)));
    let sending = true;
    const senders = clients.map(async (client) => {
      while (sending && client.socket.readyState === client.socket.OPEN) {
        for (let burst = 0; burst < 5; burst += 1) client.socket.send('message');
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    });
    await Promise.all(clients.map((client) => client.messages.next((message) => message['count'] === 50)));
    service.signal('SIGTERM');
    for (const client of clients) {
      const { total } = await client.bye();
      // A heartbeat may have come in between.
      const left = client.messages.left.flatMap(({ count }) => (count === undefined ? [] : [count as number]));
      // The 50th was taken, and a bye may come right after it.
      const counts = [...left, 50];
      assert.equal(Math.max(...counts), total, 'the last count told is the bye’s total');
      assert.equal(counts.length, total, 'each count is told once');
      assert.equal((await client.closed).code, 1001);
    }
    sending = false;
    await Promise.all(senders);
    assert.equal((await service.exited).status, 0);
  });

  it('cuts a client that does not answer its close frame, in time, and says so', async (t) => {
    // The polite one answers in time, also on a busy machine.
    const service = await ServiceProcess.start(t, { CLOSE_TIMEOUT_SECONDS: '3', FINAL_SCRAPE_WAIT_SECONDS: '30' });
    const deaf = await openDeaf(service);
    const polite = await Client.open(service.url);
    service.signal('SIGTERM');
    await polite.closed;
    await deaf.ended;
    await service.event('drain_finished');
    const metrics = await service.scrape();
    assert.equal(metrics.value('websocket_drain_connections_total{outcome="cut"}'), 1);
    assert.equal(metrics.value('websocket_drain_connections_total{outcome="closed"}'), 1);
    assert.equal((await service.exited).status, 0);
    const ended = service.log.filter(({ event }) => event === 'websocket_disconnected');
    assert.deepEqual(
      ended.filter(({ cut }) => cut === true).map(({ reason }) => reason),
      ['drain'],
    );
    assert.equal(ended.length, 2);
  });

  it('before the service is ready ends it as an ordinary stop', async (t) => {
    const mute = createServer().listen(0, '127.0.0.1');
    t.after(() => mute.close());
    await once(mute, 'listening');
    const service = new ServiceProcess({
      REDIS_URL: `redis://127.0.0.1:${(mute.address() as AddressInfo).port}`,
      SESSION_DURABILITY: 'strict',
      STORE_FSYNC: 'true',
    });
    await Promise.all([once(mute, 'connection'), service.event('service_starting')]);
    service.signal('SIGTERM');
    assert.deepEqual(await service.exited, { status: 0, signal: null });
    assert.deepEqual(
      service.log.filter(({ event }) => ['service_failed', 'service_listening'].includes(event)),
      [],
    );
  });

  it('twice ends at once with 128 + 15 and the reason logged last', async (t) => {
    const service = await ServiceProcess.start(t, { CLOSE_TIMEOUT_SECONDS: '8', DRAIN_SPREAD_SECONDS: '0' });
    await openDeaf(service);
    service.signal('SIGTERM');
    await service.event('drain_closing');
    service.signal('SIGTERM');
    assert.deepEqual(await service.exited, { status: 143, signal: null });
    const last = service.log.at(-1);
    assert.deepEqual([last?.event, last?.['reason']], ['service_stopped', 'a second signal, SIGTERM after SIGTERM']);
  });

  it('as SIGINT twice within a second is one press of Ctrl-C, and a later one ends at once with 128 + 2', async (t) => {
    const service = await ServiceProcess.start(t, { CLOSE_TIMEOUT_SECONDS: '8', DRAIN_SPREAD_SECONDS: '0' });
    await openDeaf(service);
    const polite = await Client.open(service.url);
    service.signal('SIGINT');
    // Soon, but not so soon that the system takes the two for one. On a busy machine its log would come too late.
    await new Promise((resolve) => setTimeout(resolve, 50));
    service.signal('SIGINT');
    assert.deepEqual(await polite.closed, { code: 1001, reason: 'drain' });
    await new Promise((resolve) => setTimeout(resolve, 1100));
    assert.equal(service.child.exitCode, null, 'the drain goes on');
    service.signal('SIGINT');
    assert.deepEqual(await service.exited, { status: 130, signal: null });
  });

  it('that can not be done within the deadline ends with 3, and says what was left', async (t) => {
    const service = await ServiceProcess.start(t, {
      DRAIN_TIMEOUT_SECONDS: '4',
      CLOSE_TIMEOUT_SECONDS: '3.8',
      DRAIN_SPREAD_SECONDS: '0.1',
    });
    // Frozen for longer than the deadline, the process can not have closed anything in time.
    const client = await Client.open(service.url);
    client.socket.pause();
    service.signal('SIGTERM');
    await service.event('drain_closing');
    service.signal('SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 4200));
    service.signal('SIGCONT');
    assert.equal((await service.exited).status, 3);
    const missed = service.log.find(({ event }) => event === 'drain_deadline_missed');
    assert.equal(missed?.level, 'ERROR');
    assert.match(String(missed?.['unfinished']), /1 of 1 connections left$/);
    assert.deepEqual([service.log.at(-1)?.event, service.log.at(-1)?.['status']], ['service_stopped', 3]);
  });
});

describe('After the drain', () => {
  it('the process stays until it has been scraped once more, and the scrape has the whole drain’s time', async (t) => {
    const service = await ServiceProcess.start(t, { FINAL_SCRAPE_WAIT_SECONDS: '30' });
    const client = await Client.open(service.url);
    service.signal('SIGTERM');
    await client.closed;
    await service.event('drain_finished');
    // These are no scrapes: the first is what curl sends, the others read no metrics.
    assert.match(await (await fetch(`${service.origin}/metrics/`)).text(), /^websocket_shutdown_time_seconds /m);
    await fetch(`${service.origin}/metrics/`, { ...AS_PROMETHEUS, method: 'HEAD' });
    await fetch(`${service.origin}/metrics`, { ...AS_PROMETHEUS, method: 'HEAD' });
    await fetch(`${service.origin}/metrics/`, { ...AS_PROMETHEUS, method: 'POST' });
    await fetch(`${service.origin}/healthz/`, AS_PROMETHEUS);
    assert.equal(service.log.filter(({ event }) => event === 'final_scrape').length, 0);
    const metrics = await service.scrape();
    const seconds = metrics.value('websocket_shutdown_time_seconds');
    assert.ok(seconds > 0 && seconds < 30, `the drain took ${seconds} s`);
    assert.equal(metrics.value('websocket_drain_spread_seconds'), 0.01, 'one client of 100 a second');
    assert.equal(metrics.value('websocket_active_connections'), 0);
    assert.equal((await service.event('final_scrape'))['scraped'], true);
    assert.equal((await service.exited).status, 0);
  });

  it('a scrape is what has the header of FINAL_SCRAPE_HEADER', async (t) => {
    const service = await startDrained(t, { FINAL_SCRAPE_HEADER: 'X-Scraper' });
    await service.scrape();
    assert.equal(service.log.filter(({ event }) => event === 'final_scrape').length, 0);
    await fetch(`${service.origin}/metrics/`, { headers: { 'x-scraper': '' } });
    assert.equal((await service.event('final_scrape'))['scraped'], true);
    assert.equal((await service.exited).status, 0);
  });

  it('every GET is a scrape where FINAL_SCRAPE_HEADER is empty, but no HEAD', async (t) => {
    const service = await startDrained(t, { FINAL_SCRAPE_HEADER: '' });
    await fetch(`${service.origin}/metrics/`, { method: 'HEAD' });
    assert.equal(service.log.filter(({ event }) => event === 'final_scrape').length, 0);
    await fetch(`${service.origin}/metrics/`);
    assert.equal((await service.event('final_scrape'))['scraped'], true);
    assert.equal((await service.exited).status, 0);
  });

  it('the wait for a scrape that never comes is bounded', async (t) => {
    const service = await ServiceProcess.start(t, { FINAL_SCRAPE_WAIT_SECONDS: '0.3' });
    service.signal('SIGTERM');
    const line = await service.event('final_scrape');
    assert.equal(line['scraped'], false);
    assert.ok((line['seconds'] as number) >= 0.29);
    assert.equal((await service.exited).status, 0);
  });
});

describe('METRICS_PORT', () => {
  it('has the metrics for itself, to the last scrape of a drain, and health beside them', async (t) => {
    const service = await ServiceProcess.start(t, { METRICS_PORT: '0', FINAL_SCRAPE_WAIT_SECONDS: '30' });
    const watched = `http://127.0.0.1:${service.metricsPort}`;
    const statuses = async (origin: string): Promise<Record<string, number>> => {
      const paths = ['/metrics/', '/metrics', '/healthz/', '/readyz/', '/', '/ws/chat/'];
      const answers = await Promise.all(
        paths.map(async (path) => [path, (await fetch(origin + path)).status] as const),
      );
      return Object.fromEntries(answers);
    };
    assert.deepEqual(await statuses(watched), {
      ...{ '/metrics/': 200, '/metrics': 200, '/healthz/': 200, '/readyz/': 200, '/': 404, '/ws/chat/': 404 },
    });
    assert.deepEqual(await statuses(service.origin), {
      ...{ '/metrics/': 404, '/metrics': 404, '/healthz/': 200, '/readyz/': 200, '/': 200, '/ws/chat/': 426 },
    });
    assert.equal((await fetch(`${service.origin}/metrics/`, { method: 'POST' })).status, 404);
    assert.equal((await fetch(`${watched}/metrics/`, { method: 'POST' })).status, 405);
    const client = await Client.open(service.url);
    service.signal('SIGTERM');
    await client.closed;
    await service.event('drain_finished');
    assert.equal((await fetch(`${watched}/readyz/`)).status, 503);
    await fetch(`${service.origin}/metrics/`, AS_PROMETHEUS);
    assert.equal(service.log.filter(({ event }) => event === 'final_scrape').length, 0);
    assert.equal((await service.scrape()).value('websocket_active_connections'), 0);
    assert.equal((await service.event('final_scrape'))['scraped'], true);
    assert.equal((await service.exited).status, 0);
  });
});

describe('The preStop hook', { concurrency: 3 }, () => {
  it('fails readiness at once, serves on, and returns at its lower bound when nothing arrives', async (t) => {
    const service = await ServiceProcess.start(t, { PRESTOP_MIN_SECONDS: '0.6', PRESTOP_QUIET_SECONDS: '0.2' });
    const client = await Client.open(service.url);
    const hook = runHook(service);
    await service.event('drain_started');
    assert.equal((await fetch(`${service.origin}/readyz/`)).status, 503);
    assert.equal(await client.count(), 1);
    assert.equal(await (await Client.open(service.url)).count(), 1, 'one who still arrives is served');
    const { status, stderr } = await hook;
    assert.equal(status, 0);
    assert.match(stderr, /"ended_by":"quiet"/);
    const waited = Number(/"waited_seconds":([\d.]+)/.exec(stderr)?.[1]);
    assert.ok(waited >= 0.6 && waited < 10, `it waited ${waited} s`);
    assert.equal(client.socket.readyState, client.socket.OPEN, 'the hook closes nothing');
  });

  it('waits for arrivals to stop', async (t) => {
    const service = await ServiceProcess.start(t, { PRESTOP_MIN_SECONDS: '0.1', PRESTOP_QUIET_SECONDS: '3' });
    const hook = runHook(service);
    await service.event('drain_started');
    let arrivedAt = 0;
    for (let arrival = 0; arrival < 5; arrival += 1) {
      // It arrives then or later, however long that takes.
      arrivedAt = performance.now();
      await Client.open(service.url);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    const { stderr } = await hook;
    assert.match(stderr, /"ended_by":"quiet"/);
    assert.ok(performance.now() - arrivedAt > 2900);
  });

  it('takes those who arrived while the process stood still for arrivals', async (t) => {
    const quietMs = 2000;
    const quiet = { PRESTOP_MIN_SECONDS: '0.1', PRESTOP_QUIET_SECONDS: String(quietMs / 1000) };
    const service = await ServiceProcess.start(t, quiet);
    const hook = runHook(service);
    await service.event('drain_started');
    service.signal('SIGSTOP');
    const arrived = Client.open(service.url);
    await new Promise((resolve) => setTimeout(resolve, quietMs * 1.2));
    const goesOnAt = performance.now();
    service.signal('SIGCONT');
    await arrived;
    assert.match((await hook).stderr, /"ended_by":"quiet"/);
    assert.ok(performance.now() - goesOnAt > quietMs * 0.9);
  });

  it('never waits beyond its upper bound, whatever arrives', async (t) => {
    const service = await ServiceProcess.start(t, {
      PRESTOP_MIN_SECONDS: '0.1',
      PRESTOP_QUIET_SECONDS: '2.9',
      PRESTOP_MAX_SECONDS: '3',
    });
    const hook = runHook(service);
    await service.event('drain_started');
    const arrivals = setInterval(() => new Client(service.url), 50);
    const { stderr } = await hook;
    clearInterval(arrivals);
    assert.match(stderr, /"waited_seconds":\d+(\.\d+)?,"ended_by":"limit"/);
  });

  it('ends early when the signal comes first', async (t) => {
    const service = await ServiceProcess.start(t, { PRESTOP_MIN_SECONDS: '15' });
    const hook = runHook(service);
    await service.event('drain_started');
    service.signal('SIGTERM');
    const { status, stderr } = await hook;
    assert.deepEqual([status, /"ended_by":"(\w+)"/.exec(stderr)?.[1]], [0, 'closing']);
    assert.equal((await service.exited).status, 0);
  });

  it('says what is wrong and fails when no service answers', async () => {
    const { status, stderr } = await runToEnd({ ADMIN_PORT: '1' }, [], 'prestop.ts');
    assert.equal(status, 1);
    assert.match(stderr, /^prestop: the service did not answer on its admin port: .*ECONNREFUSED/);
  });

  it('without ADMIN_PORT says in one sentence what to set', async () => {
    const { status, stderr } = await runToEnd({}, [], 'prestop.ts');
    assert.equal(status, 1);
    assert.match(
      stderr,
      /^prestop: ADMIN_PORT is not set, so .*: set it for the service and for this hook, for example to 8081$/m,
    );
  });

  it('is what the admin listener is for: without ADMIN_PORT there is none', async (t) => {
    const service = await ServiceProcess.start(t, { ADMIN_PORT: '' });
    assert.equal(service.adminPort, undefined);
    service.signal('SIGTERM');
    assert.equal((await service.exited).status, 0);
  });

  it('can not be set off by a page in a browser, nor by another path or method', async (t) => {
    const service = await ServiceProcess.start(t);
    const admin = `http://127.0.0.1:${service.adminPort}`;
    assert.equal((await fetch(`${admin}/drain`, { method: 'POST' })).status, 403);
    assert.equal((await fetch(`${admin}/drain`, { headers: { [ADMIN_HEADER]: 'x' } })).status, 405);
    assert.equal((await fetch(`${admin}/`, { method: 'POST', headers: { [ADMIN_HEADER]: 'x' } })).status, 404);
    assert.equal(
      (await fetch(`${service.origin}/drain`, { method: 'POST', headers: { [ADMIN_HEADER]: 'x' } })).status,
      404,
    );
    assert.equal((await fetch(`${service.origin}/readyz/`)).status, 200);
  });
});

describe('A session', () => {
  it('loses no count that its client was told when the process is drained in the middle of it', async (t) => {
    const service = await ServiceProcess.start(t, { MESSAGE_RATE: '0' });
    const id = randomUUID();
    const clients = await Promise.all([0, 1].map(() => Client.open(`${service.url}?session_id=${id}`)));
    await Promise.all(clients.flatMap((client) => Array.from({ length: 25 }, () => client.count())));
    service.signal('SIGTERM');
    for (const client of clients) assert.equal((await client.bye()).total, 50);
  });
});

/** A service that waits for its last scrape. */
async function startDrained(t: TestContext, env: Readonly<Record<string, string>>): Promise<ServiceProcess> {
  const service = await ServiceProcess.start(t, { FINAL_SCRAPE_WAIT_SECONDS: '30', ...env });
  service.signal('SIGTERM');
  await service.event('drain_finished');
  return service;
}

/** Runs the preStop hook as Kubernetes does: a program in the same container, with the same environment. */
function runHook(service: ServiceProcess): ReturnType<typeof runToEnd> {
  return runToEnd({ ADMIN_PORT: String(service.adminPort) }, [], 'prestop.ts');
}

/** A client that answers nothing, not even a close frame. */
async function openDeaf(service: ServiceProcess): Promise<RawClient> {
  const client = await RawClient.open(service.port);
  client.send(OPCODE.text, 'hello');
  await client.until((text) => text.includes('count'));
  return client;
}
