import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { LogLine } from '../../testkit/app.ts';
import { Client } from '../../testkit/client.ts';
import { Loki } from '../../testkit/loki.ts';
import { ServiceProcess } from '../../testkit/process.ts';
import { RedisServer } from '../../testkit/redis.ts';
import { Prometheus } from './support/prometheus.ts';
import { NO_STACK } from './support/stack.ts';

/**
 * Every query of the observability guide, word for word, with what it has to give for a log and for counts that are known line by
 * line.
 */
describe('the observability guide, word for word', { skip: NO_STACK }, () => {
  const cleanups: (() => void | Promise<void>)[] = [];
  let loki: Loki;
  let prometheus: Prometheus;
  let service: ServiceProcess;
  let session = '';
  let lines: readonly LogLine[] = [];

  before(async () => {
    const cleanup = { after: (work: () => void | Promise<void>) => cleanups.unshift(work) };
    loki = await Loki.start();
    cleanup.after(() => loki.remove());
    const redis = await RedisServer.start(cleanup);
    service = await startService(cleanups, { REDIS_URL: redis.url, LOKI_ENABLED: 'true', LOKI_URL: loki.url });
    prometheus = await Prometheus.start(cleanup, [{ port: service.port, labels: {} }], '{"groups": []}');
    session = await traffic(service.url, prometheus);
    await redis.kill();
    await service.event('store_unavailable');
    await redis.restart();
    // The new one is empty, which the service may notice after it answers.
    await Promise.all([service.event('store_available'), service.event('store_lost')]);
    lines = await settled(service, loki);
    await prometheus.until('sum(rate(websocket_messages_total[5m])) > 0');
  });
  after(async () => {
    for (const work of cleanups) await work();
  });

  test('websocket_active_connections', async () => {
    assert.deepEqual(await values('websocket_active_connections'), [1]);
  });

  test('rate(websocket_messages_total[5m])', async () => {
    const [rate = 0] = await values('rate(websocket_messages_total[5m])');
    assert.ok(rate > 0);
  });

  test('rate(websocket_errors_total[5m])', async () => {
    const series = await prometheus.query('rate(websocket_errors_total[5m])');
    const rates = new Map(series.map(({ labels, samples }) => [labels['type'], samples[0]?.[1] ?? NaN]));
    assert.ok((rates.get('binary_message') ?? 0) > 0, 'the error of the client that sent binary data');
    assert.equal(rates.get('internal'), 0);
  });

  test('histogram_quantile(0.95, websocket_connection_duration_seconds_bucket)', async () => {
    const [seconds = NaN] = await values('histogram_quantile(0.95, websocket_connection_duration_seconds_bucket)');
    assert.ok(seconds > 0 && seconds <= 15, `${seconds} s`);
  });

  test('{service="websocket-message-counter", environment="production", level="INFO"}', async () => {
    const found = await loki.lines('{service="websocket-message-counter", environment="production", level="INFO"}');
    assert.deepEqual(texts(found), jsonOf(lines.filter(({ level }) => level === 'INFO')));
  });

  test('all application logs', async () => {
    assert.deepEqual(texts(await loki.lines('{service="websocket-message-counter"}')), jsonOf(lines));
  });

  test('error logs only', async () => {
    const errors = jsonOf(lines).filter((text) => text.includes('ERROR'));
    assert.ok(errors.length > 0);
    assert.deepEqual(texts(await loki.lines('{service="websocket-message-counter"} |= "ERROR"')), errors);
  });

  test('WebSocket connection events', async () => {
    const found = await loki.lines('{service="websocket-message-counter"} |= "WebSocket" | json');
    assert.deepEqual(
      texts(found),
      jsonOf(lines).filter((text) => text.includes('WebSocket')),
    );
    const connected = found.filter(({ labels }) => labels['event'] === 'websocket_connected');
    assert.equal(connected.length, lines.filter(({ event }) => event === 'websocket_connected').length);
  });

  test('logs from specific session', async () => {
    assert.deepEqual(await loki.lines('{service="websocket-message-counter"} | json | session_id="uuid-here"'), []);
    const found = await loki.lines(`{service="websocket-message-counter"} | json | session_id="${session}"`);
    assert.deepEqual(texts(found), jsonOf(lines.filter((line) => line['session_id'] === session)));
    assert.ok(found.length > 3);
  });

  test('rate of error logs per minute', async () => {
    const series = await loki.series('rate({service="websocket-message-counter"} |= "ERROR" [1m])');
    const inMinute = series.reduce((sum, { value }) => sum + value * 60, 0);
    assert.equal(Math.round(inMinute), jsonOf(lines).filter((text) => text.includes('ERROR')).length);
    for (const { labels } of series) assert.equal(labels['level'], 'ERROR');
  });

  test('top error messages', async () => {
    const series = await loki.series(`topk(10, 
  sum by (message) (
    count_over_time({service="websocket-message-counter"} |= "ERROR" [1h])
  )
)`);
    const expected = new Map<string, number>();
    for (const { level, message } of lines as (LogLine & { message: string })[])
      if (level === 'ERROR') expected.set(message, (expected.get(message) ?? 0) + 1);
    assert.deepEqual(new Map(series.map(({ labels, value }) => [labels['message'], value])), expected);
  });

  test('websocket_shutdown_time_seconds', async () => {
    assert.deepEqual(await values('websocket_shutdown_time_seconds'), [0]);
    service.signal('SIGTERM');
    const [series] = await prometheus.until('websocket_shutdown_time_seconds > 0');
    assert.ok((series?.samples[0]?.[1] ?? 0) < 10);
  });

  async function values(query: string): Promise<number[]> {
    return (await prometheus.query(query)).map(({ samples }) => samples[0]?.[1] ?? NaN);
  }
});

async function startService(
  cleanups: (() => void | Promise<void>)[],
  env: Readonly<Record<string, string>>,
): Promise<ServiceProcess> {
  const service = new ServiceProcess({ FINAL_SCRAPE_WAIT_SECONDS: '5', ...env });
  cleanups.unshift(() => {
    service.child.kill('SIGKILL');
  });
  const ready = await Promise.race([service.event('service_listening'), service.exited]);
  if (!('event' in ready)) throw new Error(`the service did not start: ${service.stderr}`);
  service.port = ready['port'] as number;
  return service;
}

/** A client that stays, one that breaks the protocol, and one whose session is followed: it comes, counts, leaves and comes back. */
async function traffic(url: string, prometheus: Prometheus): Promise<string> {
  await (await Client.open(url)).count();
  const followed = await Client.open(url);
  const session = String((await followed.headers)['x-session-id']);
  await followed.count();
  // Rates are what is between two scrapes: the first one has to have been.
  await prometheus.until('websocket_messages_total == 2');
  for (let index = 0; index < 3; index++) await followed.count();
  await followed.close();
  const back = await Client.open(`${url}?session_id=${session}`);
  await back.count();
  await back.close();
  const bad = await Client.open(url);
  bad.socket.send(Buffer.from('binary'), { binary: true });
  await bad.closed;
  await prometheus.until('websocket_errors_total{type="binary_message"} == 1');
  return session;
}

/** Every line of the log, once Loki has them all. */
async function settled(service: ServiceProcess, loki: Loki): Promise<LogLine[]> {
  for (;;) {
    const expected = service.log.length;
    await loki.untilLines('{service="websocket-message-counter"}', expected);
    if (service.log.length === expected) return [...service.log];
  }
}

function texts(found: readonly { readonly line: string }[]): string[] {
  return found.map(({ line }) => line);
}

/** The lines as they were written: parsing keeps the order of fields. */
function jsonOf(lines: readonly LogLine[]): string[] {
  return lines.map((line) => JSON.stringify(line));
}
