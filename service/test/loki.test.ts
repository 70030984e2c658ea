import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { after, before, describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { LOG_LEVELS } from '../src/log/levels.ts';
import { MemoryStore } from '../src/sessions/memory-store.ts';
import type { Session } from '../src/sessions/session-store.ts';
import { startApp, type LogLine } from '../../testkit/app.ts';
import { Client } from '../../testkit/client.ts';
import { Loki, NO_LOKI, type LokiLine } from '../../testkit/loki.ts';
import { ServiceProcess } from '../../testkit/process.ts';

/** What Loki adds by itself: `discover_service_name`, `discover_log_levels`. */
const ADDED_BY_LOKI = ['service_name', 'detected_level'];
/** Where the lines come from, as the downward API tells it. */
const ORIGIN = { pod: 'chat-7d9c5b8f6d-x2x7q', namespace: 'chat-prod', release: 'chat' };
const MESSAGE = 'WebSocket message could not be counted';

describe('A real Loki', { skip: NO_LOKI }, () => {
  let loki: Loki;
  before(async () => {
    loki = await Loki.start();
  });
  after(() => loki.remove());

  it('has every line, the same as on stdout, with three labels and the rest as structured metadata', async (t) => {
    const environment = randomUUID();
    const { url, app, log } = await startAppFor(t, loki, environment);
    const id = randomUUID();
    const client = await Client.open(`${url}?session_id=${id}`, { headers: { 'X-Request-Id': 'trace-1' } });
    await client.count('hello');
    client.socket.send(Buffer.from('binary'));
    await client.closed;
    await app.drain('test');
    const logged = await log();
    const selector = `{service="websocket-message-counter", environment="${environment}"}`;
    const lines = await loki.untilLines(selector, logged.length);
    assert.deepEqual(
      lines.map(({ line }) => JSON.parse(line) as LogLine),
      logged,
    );
    for (const stream of await loki.streams(selector)) {
      const { service, environment: from, level, ...others } = withoutLokis(stream);
      assert.deepEqual([service, from, others], ['websocket-message-counter', environment, {}]);
      assert.ok((LOG_LEVELS as readonly unknown[]).includes(level), level);
    }
    for (const each of lines) assertLabels(each, environment);
    const received = lines.find(({ labels }) => labels['event'] === 'websocket_message_received');
    assert.deepEqual([received?.labels['session_id'], received?.labels['request_id']], [id, 'trace-1']);
  });

  it('answers the LogQL of the guide, as it stands there', async (t) => {
    const { id, errors, others } = await story(t, loki);
    const all = errors + others;
    const every = await loki.untilLines('{service="websocket-message-counter", environment="production"}', all);
    assert.equal(every.length, all);
    for (const { labels } of every)
      assert.deepEqual([labels['pod'], labels['namespace'], labels['release']], [hostname(), undefined, undefined]);

    const inLevel = await loki.lines('{service="websocket-message-counter", environment="production", level="INFO"}');
    assert.equal(inLevel.length, every.filter(({ line }) => line.includes('"level":"INFO"')).length);

    const application = await loki.lines('{service="websocket-message-counter"}');
    assert.ok(application.length >= all);

    const ERRORS = await loki.lines('{service="websocket-message-counter"} |= "ERROR"');
    assert.equal(ERRORS.length, errors);

    const connection = await loki.lines('{service="websocket-message-counter"} |= "WebSocket" | json');
    assert.ok(connection.length > errors);
    assert.ok(connection.every(({ labels }) => labels['message_extracted']?.startsWith('WebSocket')));

    const session = await loki.lines(
      '{service="websocket-message-counter"} | json | session_id="uuid-here"'.replace('uuid-here', id),
    );
    assert.deepEqual(
      session.map(({ labels }) => labels['event']),
      [
        'websocket_connected',
        'websocket_message_received',
        'websocket_internal_error',
        'websocket_client_error',
        'websocket_disconnected',
      ],
    );

    const rates = await loki.series('rate({service="websocket-message-counter"} |= "ERROR" [1m])');
    const rate = rates.reduce((sum, { value }) => sum + value, 0);
    assert.ok(Math.abs(rate - errors / 60) < 1e-9, `${rate}`);

    const top = await loki.series(
      `topk(10, 
  sum by (message) (
    count_over_time({service="websocket-message-counter"} |= "ERROR" [1h])
  )
)`,
    );
    assert.deepEqual(top, [{ labels: { message: MESSAGE }, value: errors }]);
  });

  it('keeps lines of one millisecond in their order', async (t) => {
    const environment = randomUUID();
    const { url, log } = await startAppFor(t, loki, environment);
    const client = await Client.open(url, {});
    const burst = 150;
    for (let sent = 0; sent < burst; sent += 1) client.socket.send('x');
    for (let count = 0; count < burst; count += 1) await client.messages.next();
    const lines = await loki.untilLines(`{environment="${environment}"} | event="websocket_message_received"`, burst);
    const counts = lines.map(({ line }) => (JSON.parse(line) as { message_count: number }).message_count);
    assert.deepEqual(
      counts,
      Array.from({ length: burst }, (_, index) => index + 1),
    );
    assert.equal(new Set(lines.map(({ nanoseconds }) => nanoseconds)).size, burst);
    const milliseconds = new Set((await log()).map((line) => line['timestamp']));
    assert.ok(milliseconds.size < burst, 'lines shared milliseconds, or this proves nothing');
  });

  it('has the last lines of a drain before the process exits', async (t) => {
    const environment = randomUUID();
    const service = await ServiceProcess.start(t, {
      LOKI_ENABLED: 'true',
      LOKI_URL: loki.url,
      LOKI_FLUSH_SECONDS: '60',
      ENVIRONMENT: environment,
      DRAIN_SPREAD_SECONDS: '0',
    });
    const clients = await Promise.all(Array.from({ length: 50 }, () => Client.open(service.url)));
    service.signal('SIGTERM');
    await Promise.all(clients.map(({ closed }) => closed));
    assert.deepEqual(await service.exited, { status: 0, signal: null });
    const lines = await loki.lines(`{environment="${environment}"}`);
    assert.deepEqual(
      lines.map(({ line }) => line),
      service.log.map((line) => JSON.stringify(line)),
    );
    assert.equal(lines.at(-1)?.labels['event'], 'service_stopped');
  });
});

function startAppFor(
  t: TestContext,
  loki: Loki,
  environment: string,
  extras: { store?: MemoryStore } = {},
): ReturnType<typeof startApp> {
  return startApp(
    t,
    {
      ...{ LOKI_ENABLED: 'true', LOKI_URL: loki.url, ENVIRONMENT: environment, LOG_LEVEL: 'DEBUG', MESSAGE_RATE: '0' },
      ...{ POD_NAME: ORIGIN.pod, POD_NAMESPACE: ORIGIN.namespace, RELEASE_NAME: ORIGIN.release },
    },
    extras,
  );
}

/** A store that fails when it is told to. */
class FailingStore extends MemoryStore {
  failing = false;

  override add(session: Session): number {
    if (this.failing) throw new TypeError('a bug');
    return super.add(session);
  }
}

/** In the production environment, a session that meets an error, and another one that does. */
async function story(t: TestContext, loki: Loki): Promise<{ id: string; errors: number; others: number }> {
  const store = new FailingStore({ ttlSeconds: 60, maxSessions: 100 });
  const { url, log } = await startApp(
    t,
    { LOKI_ENABLED: 'true', LOKI_URL: loki.url, WARN_INTERVAL_SECONDS: '0' },
    { store },
  );
  const id = randomUUID();
  const client = await Client.open(`${url}?session_id=${id}`);
  const other = await Client.open(url);
  await client.count();
  store.failing = true;
  for (const { socket } of [client, other]) socket.send('fails');
  await Promise.all([client.closed, other.closed]);
  let lines = await log();
  while (lines.filter(({ event }) => event === 'websocket_disconnected').length < 2) {
    await delay(10);
    lines = await log();
  }
  const errors = lines.filter(({ level }) => level === 'ERROR').length;
  assert.equal(errors, 2);
  return { id, errors, others: lines.length - errors };
}

function withoutLokis(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => !ADDED_BY_LOKI.includes(name)));
}

/** An entry has what its line says, no more and no less. */
function assertLabels({ labels, line }: LokiLine, environment: string): void {
  const said = JSON.parse(line) as LogLine;
  const own = ['message', 'event', 'request_id', 'session_id'].filter((name) => name in said);
  assert.deepEqual(withoutLokis(labels), {
    service: 'websocket-message-counter',
    environment,
    level: said.level,
    ...ORIGIN,
    ...Object.fromEntries(own.map((name) => [name, said[name]])),
  });
}
