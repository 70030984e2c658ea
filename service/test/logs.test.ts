import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it, type TestContext } from 'node:test';
import { LineSink } from '../src/log/line-sink.ts';
import { LineWriter } from '../src/log/line-writer.ts';
import type { RequestId } from '../src/protocol/request-id.ts';
import type { SessionId } from '../src/sessions/session-store.ts';
import { LOG_EVENTS } from '../src/log/events.ts';
import { ConnectionLog, connectionFields } from '../src/connections/connection-log.ts';
import { createServiceLogger } from '../src/log/logger.ts';
import { parseLines, startApp, type LogLine } from '../../testkit/app.ts';
import { Client } from '../../testkit/client.ts';
import { BARE_ENVIRONMENT } from '../../testkit/environment.ts';
import { ServiceProcess } from '../../testkit/process.ts';

describe('The log of one session', () => {
  it('followed by its session_id, tells its whole story', async (t) => {
    const { url, log } = await startApp(t);
    const id = randomUUID();
    const client = await Client.open(`${url}?session_id=${id}`, { headers: { 'X-Request-Id': 'trace-1' } });
    await client.count('hello');
    await client.count('é');
    client.socket.send(Buffer.from('binary'));
    await client.closed;
    const again = await Client.open(`${url}?session_id=${id}`);
    await again.close();
    const story = await until(async () => {
      const lines = (await log()).filter((line) => line['session_id'] === id);
      return lines.length === 7 ? lines : undefined;
    });
    assert.deepEqual(
      story.map((line) => line.event),
      [
        'websocket_connected',
        'websocket_message_received',
        'websocket_message_received',
        'websocket_client_error',
        'websocket_disconnected',
        'websocket_connected',
        'websocket_disconnected',
      ],
    );
    const [connected, , second, error, disconnected, resumed, left] = story as [
      LogLine,
      LogLine,
      LogLine,
      LogLine,
      LogLine,
      LogLine,
      LogLine,
    ];
    assert.deepEqual(
      [connected['request_id'], connected['resumed'], connected['client_ip'], connected.level],
      ['trace-1', false, '127.0.0.1', 'INFO'],
    );
    assert.deepEqual([second['message_count'], second['message_length']], [2, 2]);
    assert.deepEqual([error.level, error['reason']], ['WARN', 'binary_message']);
    assert.deepEqual(
      [disconnected['code'], disconnected['initiator'], disconnected['reason'], disconnected['message_count']],
      [1003, 'server', 'binary_message', 2],
    );
    assert.ok((disconnected['duration_ms'] as number) > 0);
    assert.deepEqual([resumed['resumed'], resumed['message_count']], [true, 2]);
    assert.deepEqual([left['code'], left['initiator'], left['reason']], [1000, 'client', 'client']);
  });
});

describe('A line', () => {
  it('of a counted message has the guide’s fields, with their types', async (t) => {
    const { url, log } = await startApp(t);
    await (await Client.open(url)).count('x'.repeat(128));
    const line = await until(async () => (await log()).find(({ event }) => event === 'websocket_message_received'));
    const types = Object.fromEntries(Object.entries(line).map(([name, value]) => [name, typeof value]));
    assert.deepEqual(types, {
      timestamp: 'string',
      level: 'string',
      logger: 'string',
      message: 'string',
      event: 'string',
      request_id: 'string',
      session_id: 'string',
      client_ip: 'string',
      message_count: 'number',
      message_length: 'number',
      duration_ms: 'number',
    });
    assert.equal(line['logger'], 'chat.consumers');
    assert.match(String(line['message']), /^WebSocket /);
    assert.equal(line['message_length'], 128);
    assert.match(String(line['timestamp']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('of a message or a connection, put together by hand, is what winston would have written', async (t) => {
    const { sink, lines } = openSink(t);
    const logger = createServiceLogger(sink, 'INFO', 'chat.consumers');
    const connectionLog = new ConnectionLog(logger, 1);
    const address = '2001:db8::1';
    const connection = {
      requestId: 'an-id_1.5' as RequestId,
      session: { id: 'abc' as SessionId, count: 5 },
      address,
    };
    const fields = { request_id: 'an-id_1.5', session_id: 'abc', client_ip: address };
    connectionLog.messageReceived({
      connection: connectionFields(connection),
      count: 5,
      length: 128,
      durationMs: 12.34567,
    });
    logger.info('WebSocket message received', {
      event: 'websocket_message_received',
      ...fields,
      message_count: 5,
      message_length: 128,
      duration_ms: 12.346,
    });
    for (const resumed of [true, false]) {
      connectionLog.connected({ connection, resumed });
      logger.info('WebSocket connected', { event: 'websocket_connected', ...fields, resumed, message_count: 5 });
    }
    for (const closeReason of ['', 'a "reason"\n', 'zu müde 😴\u0000']) {
      const close = { code: 1001, initiator: 'server', reason: 'drain' };
      const cut = closeReason === '';
      connectionLog.disconnected({ connection, ...close, closeReason, cut, durationMs: 2000.1234 });
      logger.info('WebSocket disconnected', {
        event: 'websocket_disconnected',
        ...fields,
        ...close,
        close_reason: closeReason === '' ? undefined : closeReason,
        cut: cut || undefined,
        message_count: 5,
        duration_ms: 2000.123,
      });
    }
    const texts = (await lines()).map((text) => text.replace(/"timestamp":"[^"]+"/, ''));
    assert.equal(texts.length, 12);
    for (let index = 0; index < texts.length; index += 2) assert.equal(texts[index], texts[index + 1]);
  });

  it('keeps the types of numbers and dates, and the stack of an error', async (t) => {
    const { sink, lines } = openSink(t);
    const when = new Date('2024-01-15T10:30:00.123Z');
    createServiceLogger(sink, 'INFO').error('Failed', {
      event: 'http_error',
      ratio: 0.5,
      when,
      error: new TypeError('why'),
    });
    const [line] = (await lines()).map((text) => JSON.parse(text) as Record<string, unknown>);
    assert.equal(line?.['ratio'], 0.5);
    assert.equal(line?.['when'], when.toISOString());
    assert.match((line?.['error'] as { stack: string }).stack, /TypeError: why/);
  });

  it('has an event of the documented set', async (t) => {
    const { url, app, log } = await startApp(t);
    await (await Client.open(url)).close();
    await app.drain('test');
    for (const { event } of await log()) assert.ok(event in LOG_EVENTS, event);
  });

  it('never holds the content of a message, but at DEBUG', async (t) => {
    for (const level of ['INFO', 'DEBUG']) {
      const { url, log } = await startApp(t, { LOG_LEVEL: level });
      await (await Client.open(url)).count('my secret');
      await until(async () => (await log()).find(({ event }) => event === 'websocket_message_received'));
      assert.equal(JSON.stringify(await log()).includes('my secret'), level === 'DEBUG');
    }
  });

  it('of a message is left out below INFO and as sampling asks', async (t) => {
    for (const [env, expected] of [
      [{ LOG_LEVEL: 'WARN' }, []],
      [{ LOG_MESSAGE_SAMPLING: '0' }, []],
      [{ LOG_MESSAGE_SAMPLING: '3' }, [3, 6, 9]],
    ] as const) {
      const { url, log } = await startApp(t, env);
      const client = await Client.open(url);
      for (let sent = 0; sent < 10; sent += 1) await client.count();
      const counts = (await log())
        .filter(({ event }) => event === 'websocket_message_received')
        .map((line) => line['message_count']);
      assert.deepEqual(counts, expected);
    }
  });
});

describe('Lines', () => {
  it('all arrive, whole and in order, at any rate', async (t) => {
    const { sink, writer, lines } = openSink(t, 64 * 1024 * 1024);
    const connectionLog = new ConnectionLog(createServiceLogger(sink, 'INFO'), 1);
    for (let count = 1; count <= 50_000; count += 1)
      connectionLog.messageReceived({ connection: '"a":1', count, length: 1, durationMs: 0 });
    const counts = (await lines()).map((text) => (JSON.parse(text) as { message_count: number }).message_count);
    assert.equal(counts.length, 50_000);
    assert.ok(counts.every((count, index) => count === index + 1));
    assert.deepEqual(writer.counts, { shipped: 50_000, dropped: { buffer_full: 0, broken: 0 } });
  });

  it('of any length and any characters arrive in order among those put together by hand', async (t) => {
    const { sink, lines } = openSink(t, 64 * 1024 * 1024);
    const connectionLog = new ConnectionLog(createServiceLogger(sink, 'INFO'), 1);
    const texts = ['short', '会'.repeat(21_840), '🙂'.repeat(40_000), 'x'.repeat(65_535), 'x'.repeat(200_000), ''];
    for (const [index, text] of texts.entries()) {
      connectionLog.messageReceived({ connection: '"a":1', count: index, length: 1, durationMs: 0 });
      sink.write(JSON.stringify({ text }));
    }
    const found = (await lines()).map((line) => JSON.parse(line) as { message_count?: number; text?: string });
    assert.deepEqual(
      found.map(({ message_count: count, text }) => count ?? text),
      texts.flatMap((text, index) => [index, text]),
    );
  });

  it('take no more memory than their bytes, however few are handed out at once', async (t) => {
    const path = makeFifo(t);
    const reader = spawn('sleep', ['60'], { stdio: [openSync(path, 'r+'), 'ignore', 'ignore'] });
    t.after(() => reader.kill('SIGKILL'));
    const writer = new LineWriter(openSync(path, 'w'), 1_000_000);
    const batch = { bytes: Buffer.from(`${'x'.repeat(99)}\n`), lines: 1 };
    const before = process.memoryUsage().arrayBuffers;
    for (let line = 0; line < 10_000; line += 1) writer.take(batch);
    const more = process.memoryUsage().arrayBuffers - before;
    const late = spawn('cat', [path], { stdio: 'ignore' });
    t.after(() => late.kill('SIGKILL'));
    await writer.flush(5000);
    assert.equal(writer.counts.shipped, 10_000);
    assert.ok(more < 1_200_000, `${more} bytes of memory`);
  });

  it('beyond the buffer of a reader that does not read are dropped and counted; the loop is not held', async (t) => {
    const path = makeFifo(t);
    const end = openSync(path, 'r+');
    const reader = spawn('sleep', ['60'], { stdio: [end, 'ignore', 'ignore'] });
    // With its reader the write ends that would else hold the thread pool, and this process.
    closeSync(end);
    t.after(() => reader.kill('SIGKILL'));
    const writer = new LineWriter(openSync(path, 'w'), 100_000);
    const sink = new LineSink(writer);
    const startedAt = performance.now();
    for (let line = 0; line < 10_000; line += 1) sink.write('x'.repeat(99));
    // Now: later the pipe has taken the first lines, and there is room for more.
    sink.handOut();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(performance.now() - startedAt < 10_000);
    assert.equal(writer.counts.dropped.buffer_full, 9000);
    // Whoever reads at last gets what was kept.
    const late = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'ignore'] });
    t.after(() => late.kill('SIGKILL'));
    await sink.flush(5000);
    assert.equal(writer.counts.shipped, 1000);
  });

  it('that waited for a loop turn to come round are all in the next write: a busy loop loses none', async (t) => {
    const { sink, writer, lines } = openSink(t, 10_000_000);
    sink.write('first');
    sink.handOut();
    for (let line = 0; line < 5000; line += 1) {
      sink.write(String(line));
      if (line % 100 === 99) sink.handOut();
    }
    while (writer.counts.shipped <= 1) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(writer.counts.shipped, 5001);
    assert.deepEqual(await lines(), ['first', ...Array.from({ length: 5000 }, (_, line) => String(line))]);
  });

  it('written in part only, as to a pipe that is nearly full, go on where they stopped', async (t) => {
    const path = makeFifo(t);
    // Held open for reading and not read: a pipe takes 64 KiB, and what does not block takes what there is room for.
    const held = openSync(path, 'r+');
    t.after(() => {
      closeSync(held);
    });
    const writer = new LineWriter(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK), 1_000_000);
    const sink = new LineSink(writer);
    const expected = Array.from({ length: 3000 }, (_, line) => `${line} ${'x'.repeat(60 + (line % 37))}`);
    for (const [index, line] of expected.entries()) {
      sink.write(line);
      if (index % 50 === 0) sink.handOut();
    }
    sink.handOut();
    const reader = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'inherit'] });
    t.after(() => reader.kill('SIGKILL'));
    let text = '';
    reader.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    await until(async () => text.split('\n').length > expected.length || undefined);
    assert.deepEqual(text.split('\n').slice(0, -1), expected);
    assert.equal(writer.counts.shipped, expected.length);
  });

  it('after stdout broke (EPIPE) are dropped and counted, and the service serves on', async (t) => {
    const service = await ServiceProcess.start(t);
    service.child.stdout?.destroy();
    const client = await Client.open(service.url);
    for (let count = 1; count <= 50; count += 1) assert.equal(await client.count(), count);
    const dropped = await until(
      async () => (await service.scrape()).sum('websocket_log_lines_dropped_total', 'broken') || undefined,
    );
    assert.ok(dropped >= 1);
    service.signal('SIGTERM');
    assert.equal((await client.bye()).total, 50);
    assert.deepEqual(await service.exited, { status: 0, signal: null });
  });

  it('to a file arrive to the last one before the exit', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'wmc-log-'));
    t.after(() => {
      rmSync(folder, { recursive: true });
    });
    const file = join(folder, 'log');
    const fd = openSync(file, 'w');
    const main = new URL('../src/main.ts', import.meta.url).pathname;
    const child = spawn(process.execPath, [main], {
      env: { ...BARE_ENVIRONMENT, PORT: '0', ADMIN_PORT: '0', NODE_ENV: 'production' },
      stdio: ['ignore', fd, 'inherit'],
    });
    closeSync(fd);
    await until(async () => readFileSync(file, 'utf8').includes('service_listening') || undefined);
    child.kill('SIGTERM');
    await once(child, 'exit');
    assert.equal(parseLines(readFileSync(file, 'utf8')).at(-1)?.event, 'service_stopped');
  });
});

/** Path of a new named pipe. */
function makeFifo(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'wmc-fifo-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const path = join(folder, 'fifo');
  execFileSync('mkfifo', [path]);
  return path;
}

function openSink(
  t: TestContext,
  maxBytes = 1_000_000,
): { sink: LineSink; writer: LineWriter; lines: () => Promise<string[]> } {
  const folder = mkdtempSync(join(tmpdir(), 'wmc-log-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'log');
  const writer = new LineWriter(openSync(file, 'w'), maxBytes);
  const sink = new LineSink(writer);
  const lines = async (): Promise<string[]> => {
    await sink.flush(5000);
    return readFileSync(file, 'utf8').split('\n').slice(0, -1);
  };
  return { sink, writer, lines };
}

/** Asks again until there is an answer. */
async function until<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
