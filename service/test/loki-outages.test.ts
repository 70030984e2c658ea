import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { LokiSender } from '../src/loki/sender.ts';
import { Client } from '../../testkit/client.ts';
import { Loki, NO_LOKI, type LokiLine } from '../../testkit/loki.ts';
import { LossyLokiProxy } from './support/lossy-loki-proxy.ts';
import { ServiceProcess } from '../../testkit/process.ts';

const CLIENTS = 10;
/** Time that lines may take to flow again once Loki is back, in milliseconds. */
const FLOWING_MS = 5000;

describe('A real Loki', { skip: NO_LOKI, concurrency: false }, () => {
  let loki: Loki;
  before(async () => {
    loki = await Loki.start();
  });
  after(() => loki.remove());

  it('that took a push and could not say so has its lines once', async (t) => {
    const environment = randomUUID();
    const proxy = await LossyLokiProxy.start(t, loki.url);
    const sender = openSender(t, proxy.url, environment);
    // More than fits into one block of Loki: within a block it would know the lines again by itself.
    const lines = 1400;
    proxy.losing = 2;
    sender.add(linesOf(lines));
    await sender.untilShipped(lines);
    assert.equal(proxy.lost, 1, 'it was not sent again');
    assert.equal(await stored(loki, environment), lines);
    sender.add(linesOf(lines));
    await sender.untilShipped(2 * lines);
    assert.equal(await stored(loki, environment), 2 * lines);
    assert.equal((await loki.lines(`{environment="${environment}"}`)).length, 2 * lines);
  });

  it('that is frozen, and goes on, gets every line once, in order, and soon', async (t) => {
    const { environment, load, service } = await startUnderLoad(t, loki);
    await service.shipped(200);
    loki.freeze(true);
    await service.logged('loki_push_failing');
    loki.freeze(false);
    const backAt = performance.now();
    await service.logged('loki_push_recovered');
    const seconds = (performance.now() - backAt) / 1000;
    assert.ok(seconds < FLOWING_MS / 1000, `lines flow again after ${seconds} s`);
    await assertWhole(loki, environment, service, await load.stop());
  });

  it('that is killed, and comes back, gets every line once, in order, and soon', async (t) => {
    const { environment, load, service } = await startUnderLoad(t, loki);
    await service.shipped(200);
    await loki.kill();
    await service.logged('loki_push_failing');
    await loki.up();
    const backAt = performance.now();
    await service.logged('loki_push_recovered');
    const seconds = (performance.now() - backAt) / 1000;
    assert.ok(seconds < FLOWING_MS / 1000, `lines flow again after ${seconds} s`);
    await assertWhole(loki, environment, service, await load.stop());
  });
});

/** A sender of this process, which ends with the test. */
function openSender(
  t: TestContext,
  url: string,
  environment: string,
): { add: (lines: string[]) => void; untilShipped: (lines: number) => Promise<void> } {
  let shipped = 0;
  const sender = new LokiSender(
    {
      url,
      headers: {},
      timeoutMs: 3000,
      retryMaxMs: 1000,
      bufferBytes: 4_000_000,
      labels: { service: 'test', environment },
      metadata: { pod: environment },
    },
    (report) => {
      shipped += report.shipped;
    },
  );
  t.after(() => {
    sender.close();
  });
  return {
    add: (lines) => {
      sender.add(Buffer.from(lines.map((line) => `${line}\n`).join('')), lines.length);
    },
    untilShipped: async (lines) => {
      while (shipped < lines) await delay(20);
      assert.equal(shipped, lines);
    },
  };
}

function linesOf(count: number): string[] {
  const timestamp = new Date().toISOString();
  return Array.from(
    { length: count },
    (_, index) =>
      `{"timestamp":"${timestamp}","level":"INFO","logger":"test","message":"A line","event":"test","request_id":"${randomUUID()}","session_id":"${randomUUID()}","n":${index},"pad":"${'x'.repeat(100)}"}`,
  );
}

/** Entries that Loki has, as it counts them: unlike a query for lines, this does not leave out what is there twice. */
async function stored(loki: Loki, environment: string): Promise<number> {
  const [count] = await loki.series(`sum(count_over_time({environment="${environment}"}[1h]))`);
  return count?.value ?? 0;
}

interface UnderLoad {
  readonly environment: string;
  readonly service: LoadedService;
  readonly load: Load;
}

/** A service whose clients send 200 messages a second. */
async function startUnderLoad(t: TestContext, loki: Loki): Promise<UnderLoad> {
  const environment = randomUUID();
  const process = await ServiceProcess.start(t, {
    LOKI_ENABLED: 'true',
    LOKI_URL: loki.url,
    ENVIRONMENT: environment,
    LOKI_TIMEOUT_SECONDS: '1',
    LOKI_FLUSH_SECONDS: '60',
  });
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => Client.open(process.url)));
  const load = new Load(clients);
  return { environment, service: new LoadedService(process), load };
}

class LoadedService {
  readonly process: ServiceProcess;

  constructor(process: ServiceProcess) {
    this.process = process;
  }

  async shipped(lines: number): Promise<void> {
    while ((await this.process.scrape()).value('websocket_log_lines_shipped_total{destination="loki"}') < lines)
      await delay(50);
  }

  logged(event: string): Promise<unknown> {
    return this.process.event(event);
  }
}

/** Sends from each client in turn, 200 messages a second in all. */
class Load {
  readonly #clients: readonly Client[];
  readonly #timer: NodeJS.Timeout;
  #sent = 0;

  constructor(clients: readonly Client[]) {
    this.#clients = clients;
    this.#timer = setInterval(() => {
      for (const { socket } of clients) socket.send('hello');
      this.#sent += clients.length;
    }, 50);
  }

  /** Ends, and says how many messages were sent; each was answered. */
  async stop(): Promise<number> {
    clearInterval(this.#timer);
    for (const client of this.#clients)
      for (let count = 0; count < this.#sent / this.#clients.length; count += 1) await client.messages.next();
    return this.#sent;
  }
}

/** Ends the service; then Loki has all of its lines, each once, in the order in which they were written. */
async function assertWhole(
  loki: Loki,
  environment: string,
  { process }: LoadedService,
  messages: number,
): Promise<void> {
  let scrape = await process.scrape();
  // A Loki that has just started takes pushes before it answers what it has of one in doubt.
  while (scrape.value('websocket_log_queue_bytes{destination="loki"}') > 0) scrape = await process.scrape();
  assert.equal(scrape.sum('websocket_log_lines_dropped_total'), 0);
  process.signal('SIGTERM');
  assert.deepEqual(await process.exited, { status: 0, signal: null });
  const lines: LokiLine[] = await loki.lines(`{environment="${environment}"}`);
  assert.deepEqual(
    lines.map(({ line }) => line),
    process.log.map((line) => JSON.stringify(line)),
  );
  assert.equal(lines.filter(({ labels }) => labels['event'] === 'websocket_message_received').length, messages);
  assert.equal(await stored(loki, environment), lines.length);
}
