import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { loadConfig } from '../src/config/load-config.ts';
import { ConnectionLog, connectionFields } from '../src/connections/connection-log.ts';
import type { Logger } from '../src/log/logger.ts';
import type { LokiShipper } from '../src/loki/shipper.ts';
import type { RequestId } from '../src/protocol/request-id.ts';
import { ServiceLog } from '../src/service-log.ts';
import type { SessionId } from '../src/sessions/session-store.ts';
import { parseLines, type LogLine } from '../../testkit/app.ts';
import { Client } from '../../testkit/client.ts';
import { FaultyLoki } from '../../testkit/faulty-loki.ts';
import { ServiceProcess } from '../../testkit/process.ts';

/** Time that lines may take to flow again once Loki is back: 5 s, and as much again for a machine that is busy. */
const FLOWING_MS = 10_000;
const SESSION = '6f1f7a5e-0000-4000-8000-000000000001' as SessionId;
/** Lines written every 10 ms. */
const LINES = 5;
/** Between two looks at the whole log. */
const LOOK_MS = 100;
/** Lines on their way to the thread, at most. */
const MAX_TRANSIT_BYTES = 4 * 1024 * 1024;

describe('Lines', { concurrency: 4 }, () => {
  for (const fault of ['hang', 429, 500, 503, 'cut', 'swallow'] as const)
    it(`wait while Loki is at fault (${fault}); then all arrive, in order, none twice, and soon`, async (t) => {
      const loki = await FaultyLoki.start(t);
      // A machine that is busy answers within a second: what is not at fault is not to time out.
      const log = openLog(t, loki.url, { LOKI_TIMEOUT_SECONDS: fault === 'hang' ? '1' : '10' });
      const writing = write(t, log);
      await loki.pushes.next();
      loki.fault = fault;
      await log.line('loki_push_failing');
      loki.mend();
      const backAt = performance.now();
      await loki.pushes.next(({ fault: at }) => at === 'none');
      assert.ok(performance.now() - backAt < FLOWING_MS);
      await log.line('loki_push_recovered');
      const written = await writing.stop();
      await log.delivered();
      assert.deepEqual(Object.values(log.loki.counts.dropped), [0, 0, 0, 0, 0]);
      assert.deepEqual(numbers(loki), upTo(written));
      assert.deepEqual(await log.texts(), inOrderOfTime(loki));
    });

  it('wait while Loki refuses connections; then all arrive, in order, none twice, and soon', async (t) => {
    const loki = await FaultyLoki.start(t);
    const log = openLog(t, loki.url);
    const writing = write(t, log);
    await loki.pushes.next();
    await loki.down();
    const warning = await log.line('loki_push_failing');
    assert.deepEqual([warning.level, warning['outcome']], ['WARN', 'connection']);
    assert.match(String(warning['detail']), /ECONNREFUSED|ECONNRESET/);
    await loki.up();
    const backAt = performance.now();
    await loki.pushes.next();
    assert.ok(performance.now() - backAt < FLOWING_MS);
    const written = await writing.stop();
    await log.delivered();
    assert.deepEqual(numbers(loki), upTo(written));
  });

  it('that Loki refuses (400) are dropped and counted; those after them flow', async (t) => {
    const loki = await FaultyLoki.start(t);
    const log = openLog(t, loki.url);
    const writing = write(t, log);
    await loki.pushes.next();
    loki.fault = 400;
    const warning = await log.line('loki_push_failing');
    assert.deepEqual([warning['outcome'], warning['detail']], ['rejected', 'HTTP 400: as the test wants it']);
    loki.mend();
    await log.line('loki_push_recovered');
    await writing.stop();
    await log.delivered();
    const { shipped, dropped } = log.loki.counts;
    assert.ok(dropped.rejected > 0);
    assert.equal(shipped + dropped.rejected, (await log.texts()).length);
    assert.equal(loki.lines.length, shipped);
  });

  it('in doubt are sent again to a Loki that may not be read', async (t) => {
    const loki = await FaultyLoki.start(t);
    loki.readable = false;
    const log = openLog(t, loki.url);
    loki.fault = 'swallow';
    await write(t, log).stop();
    await loki.pushes.next();
    loki.mend();
    await log.delivered();
    // At least once: a Loki like this one has them twice.
    assert.deepEqual([...new Set(numbers(loki))], upTo(LINES));
  });

  it('longer than Loki takes are dropped and counted; those around them arrive', async (t) => {
    const loki = await FaultyLoki.start(t);
    const log = openLog(t, loki.url);
    log.write(1);
    for (const length of [300_000, 3_000_000])
      log.logger.info('A long line', { event: 'http_error', detail: 'x'.repeat(length) });
    log.write(2);
    await delay(0);
    log.write(3);
    await log.delivered();
    assert.deepEqual(numbers(loki).at(-1), 3);
    assert.equal(log.loki.counts.dropped.too_long + loki.lines.length, (await log.texts()).length);
    assert.ok(log.loki.counts.dropped.too_long >= 2);
  });

  it('are waited for by each flush for its own time', async (t) => {
    const loki = await FaultyLoki.start(t);
    loki.fault = 503;
    const log = openLog(t, loki.url);
    await write(t, log).stop();
    const short = log.loki.flush(50);
    const long = log.loki.flush(60_000);
    assert.equal(await short, false);
    loki.mend();
    assert.equal(await long, true);
    assert.deepEqual(numbers(loki), upTo(LINES));
  });

  it('that the thread fails on are counted, and a new thread goes on', async (t) => {
    const loki = await FaultyLoki.start(t);
    const log = openLog(t, loki.url);
    log.loki.take({ bytes: Buffer.from('this is not JSON\n'), lines: 1 });
    const line = await log.line('loki_thread_failed');
    assert.equal(line.level, 'ERROR');
    assert.equal(log.loki.counts.dropped.broken, 1);
    await write(t, log).stop();
    await log.delivered();
    assert.deepEqual(numbers(loki), upTo(LINES));
  });
});

// Alone: reading what comes holds this process for a while.
describe('Lines', () => {
  it('beyond the buffer are dropped, the oldest first, and counted', async (t) => {
    const loki = await FaultyLoki.start(t);
    await loki.down();
    const log = openLog(t, loki.url, { LOKI_BUFFER_BYTES: '1048576' });
    let written = 0;
    while (written < 20_000) {
      // Identifiers that compression makes little of.
      for (let line = 0; line < 200; line += 1)
        log.write((written += 1), randomBytes(150).toString('hex') as RequestId);
      assert.ok(log.loki.waitingBytes <= 1_048_576 + MAX_TRANSIT_BYTES, `${log.loki.waitingBytes} bytes wait`);
      await delay(5);
      // Lines that a thread with little CPU time can't take yet would be dropped before they are in its queue.
      while (log.loki.waitingBytes > 1_048_576 + MAX_TRANSIT_BYTES / 2) await delay(5);
    }
    // All are with the thread before Loki is back: what came to a full queue later would push out what is the oldest by then.
    await log.loki.flush(1000);
    await loki.up();
    await log.line('loki_push_recovered');
    await log.delivered();
    const { shipped, dropped } = log.loki.counts;
    assert.ok(dropped.buffer_full > 0);
    const got = numbers(loki);
    assert.equal(shipped + dropped.buffer_full, (await log.texts()).length);
    assert.equal(loki.lines.length, shipped);
    assert.ok(
      got.every((number, index) => index === 0 || number > (got[index - 1] ?? 0)),
      'in order, none twice',
    );
    // All but one chunk, the one that was under way, are the latest, without a hole.
    const holes = got.filter((number, index) => index > 0 && number !== (got[index - 1] ?? 0) + 1).length;
    assert.ok(holes <= 1, `${holes} holes`);
    assert.equal(got.at(-1), written);
  });
});

describe('Loki', { concurrency: 4 }, () => {
  for (const [env, headers] of [
    [{}, { authorization: undefined, 'x-scope-orgid': undefined }],
    [{ LOKI_BEARER_TOKEN: 'a-token' }, { authorization: 'Bearer a-token' }],
    [
      { LOKI_USERNAME: 'me', LOKI_PASSWORD: 'pä:ss' },
      { authorization: `Basic ${Buffer.from('me:pä:ss').toString('base64')}` },
    ],
    [{ LOKI_TENANT_ID: 'team-a' }, { 'x-scope-orgid': 'team-a' }],
  ] as const)
    it(`is told who asks by ${Object.keys(env).join(' and ') || 'nothing'}`, async (t) => {
      const loki = await FaultyLoki.start(t);
      const log = openLog(t, `${loki.url}/`, env);
      await write(t, log).stop();
      const push = await loki.pushes.next();
      for (const [name, value] of Object.entries(headers)) assert.equal(push.headers[name], value);
    });

  it('over TLS is trusted by LOKI_CA_FILE, and not without', async (t) => {
    const { key, certificate } = makeCertificate(t);
    const loki = await FaultyLoki.start(t, { key: readFileSync(key, 'utf8'), cert: readFileSync(certificate, 'utf8') });
    const stranger = openLog(t, loki.secureUrl);
    await write(t, stranger).stop();
    assert.match(String((await stranger.line('loki_push_failing'))['detail']), /self-signed certificate/);
    assert.equal(loki.lines.length, 0);
    const log = openLog(t, loki.secureUrl, { LOKI_CA_FILE: certificate });
    await write(t, log).stop();
    await log.delivered();
    assert.deepEqual(numbers(loki), upTo(LINES));
  });
});

describe('The service', () => {
  it('that can’t deliver its last lines exits all the same, in time, and says on stdout how many they were', async (t) => {
    const loki = await FaultyLoki.start(t);
    const { service, client } = await startWhileLokiHangs(t, loki);
    await client.count();
    const stoppingAt = performance.now();
    service.signal('SIGTERM');
    await client.closed;
    assert.deepEqual(await service.exited, { status: 0, signal: null });
    assert.ok(performance.now() - stoppingAt < 10_000);
    assert.equal(service.log.at(-1)?.event, 'service_stopped');
    const lost = service.log.findIndex(({ event }) => event === 'loki_lines_lost');
    assert.equal(service.log[lost]?.['lines'], lost - loki.lines.length);
  });

  it('counts the lines of a drain that Loki did not take before its last scrape', async (t) => {
    const loki = await FaultyLoki.start(t);
    const { service, client } = await startWhileLokiHangs(t, loki, { FINAL_SCRAPE_WAIT_SECONDS: '30' });
    service.signal('SIGTERM');
    await client.closed;
    const lost = Number((await service.event('loki_lines_lost'))['lines']);
    assert.ok(lost >= 4, 'the lines of the client and of the drain');
    const dropped = (await service.scrape()).value(
      'websocket_log_lines_dropped_total{destination="loki",reason="shutdown"}',
    );
    assert.ok(dropped >= lost, `${dropped} of ${lost}`);
    assert.equal((await service.event('final_scrape'))['scraped'], true);
    assert.equal((await service.exited).status, 0);
  });

  it('serves as fast while Loki hangs as while it works', async (t) => {
    const loki = await FaultyLoki.start(t);
    const service = await ServiceProcess.start(t, { LOKI_ENABLED: 'true', LOKI_URL: loki.url, MESSAGE_RATE: '0' });
    const clients = await Promise.all(Array.from({ length: 10 }, () => Client.open(service.url)));
    await roundTrips(clients);
    const ratios: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      const well = await roundTrips(clients);
      loki.fault = 'hang';
      ratios.push((await roundTrips(clients)) / well);
      loki.mend();
    }
    // Loose: the machine is shared. bench/loki.ts measures it.
    assert.ok(Math.min(...ratios) < 3, `it took ${ratios.join(', ')} times as long`);
  });
});

/** A service that shipped its first lines before Loki began to hang, with a client. Its last lines have half a second. */
async function startWhileLokiHangs(
  t: TestContext,
  loki: FaultyLoki,
  env: Readonly<Record<string, string>> = {},
): Promise<{ service: ServiceProcess; client: Client }> {
  const service = await ServiceProcess.start(t, {
    LOKI_ENABLED: 'true',
    LOKI_URL: loki.url,
    LOKI_FLUSH_SECONDS: '0.5',
    DRAIN_SPREAD_SECONDS: '0',
    ...env,
  });
  await loki.pushes.next();
  loki.fault = 'hang';
  return { service, client: await Client.open(service.url) };
}

/** The log of a service that ships to Loki, with what tests ask of it. */
class ShippedLog {
  readonly log: ServiceLog;
  readonly logger: Logger;
  readonly loki: LokiShipper;
  readonly #connectionLog: ConnectionLog;
  readonly #file: string;

  /** @param file where its lines stand too */
  constructor(env: Readonly<Record<string, string>>, file: string) {
    this.log = new ServiceLog(loadConfig(env).config, openSync(file, 'w'));
    this.logger = this.log.logger;
    this.#connectionLog = new ConnectionLog(this.logger, 1);
    this.loki = this.log.loki!;
    this.#file = file;
  }

  /** Writes a line that tells its number. */
  write(number: number, requestId = 'trace' as RequestId): void {
    const connection = connectionFields({ requestId, session: { id: SESSION, count: 0 }, address: '127.0.0.1' });
    this.#connectionLog.messageReceived({ connection, count: number, length: 1, durationMs: 0.1 });
  }

  /** Every line so far, as it stands on stdout. */
  async texts(): Promise<string[]> {
    // Longer than the service waits: the test's own work may hold the loop.
    do await this.log.written();
    while (this.log.stdout.waitingBytes > 0);
    return readFileSync(this.#file, 'utf8').split('\n').slice(0, -1);
  }

  /** Waits for a line of this event. */
  async line(event: string): Promise<LogLine> {
    for (;;) {
      const found = parseLines((await this.texts()).join('\n')).find((line) => line.event === event);
      if (found !== undefined) return found;
      await delay(LOOK_MS);
    }
  }

  /** Waits until every line so far is delivered or dropped. */
  async delivered(): Promise<void> {
    for (;;) {
      const { shipped, dropped } = this.loki.counts;
      const done = Object.values(dropped).reduce((sum, lines) => sum + lines, shipped);
      if (done >= (await this.texts()).length) return;
      await delay(LOOK_MS);
    }
  }
}

/** A log that ships to a Loki, and retries soon unless told otherwise. It ends with the test. */
function openLog(t: TestContext, url: string, env: Readonly<Record<string, string>> = {}): ShippedLog {
  const folder = temporaryFolder(t);
  const usual = {
    LOKI_ENABLED: 'true',
    LOKI_URL: url,
    LOKI_TIMEOUT_SECONDS: '10',
    LOKI_RETRY_MAX_SECONDS: '0.5',
    // What Loki has is compared with the file, which may be slow.
    LOG_BUFFER_BYTES: '100000000',
  };
  const shipped = new ShippedLog({ ...usual, ...env }, join(folder, 'log'));
  t.after(() => shipped.log.end(0));
  return shipped;
}

/** Writes numbered lines, some at once and then more until it is stopped. @returns how to stop it, which says how many there are */
function write(t: TestContext, log: ShippedLog): { stop: () => Promise<number> } {
  let written = 0;
  const some = (): void => {
    for (let line = 0; line < LINES; line += 1) log.write((written += 1));
  };
  some();
  const timer = setInterval(some, 10);
  t.after(() => {
    clearInterval(timer);
  });
  return {
    stop: async () => {
      clearInterval(timer);
      await log.log.written();
      return written;
    },
  };
}

/** Numbers of the numbered lines, as a query answers them: where one was in doubt, those behind it may come first. */
function numbers(loki: FaultyLoki): number[] {
  const lines = parseLines(inOrderOfTime(loki).join('\n'));
  return lines
    .filter(({ event }) => event === 'websocket_message_received')
    .map((line) => line['message_count'] as number);
}

/** Lines as a query answers them. */
function inOrderOfTime(loki: FaultyLoki): string[] {
  const sorted = [...loki.lines].sort((one, other) => (one.nanoseconds < other.nanoseconds ? -1 : 1));
  return sorted.map(({ line }) => line);
}

function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

/** A certificate for localhost that nobody else signed. */
function makeCertificate(t: TestContext): { key: string; certificate: string } {
  const folder = temporaryFolder(t);
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const made = ['-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', certificate];
  execFileSync('openssl', ['req', '-x509', ...made, ...subject], { stdio: 'pipe' });
  return { key, certificate };
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'wmc-loki-faults-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

/** Milliseconds that 200 messages of each client take, one after another. */
async function roundTrips(clients: readonly Client[]): Promise<number> {
  const startedAt = performance.now();
  await Promise.all(
    clients.map(async (client) => {
      for (let sent = 0; sent < 200; sent += 1) await client.count();
    }),
  );
  return performance.now() - startedAt;
}
