import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { startApp, type LogLine } from '../../testkit/app.ts';
import { Client } from '../../testkit/client.ts';
import { freePort } from '../../testkit/free-port.ts';
import { NO_COLLECTOR, OtelCollector, type CollectedSpan } from '../../testkit/otel-collector.ts';
import { ServiceProcess } from '../../testkit/process.ts';
import { ask, handshake } from '../../testkit/raw-client.ts';
import { RedisServer } from '../../testkit/redis.ts';
import { traceContextOf } from '../src/tracing/trace-context.ts';

const HANDSHAKES = 200_000;
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const TRACEPARENT = `00-${TRACE}-${SPAN}-01`;

describe('Without spans of its own the service names those of its clients', () => {
  it('on every line of a connection whose handshake has a valid traceparent', async (t) => {
    const running = await startApp(t, { LOG_LEVEL: 'DEBUG' });
    const client = await Client.open(running.url, { headers: { traceparent: TRACEPARENT } });
    await client.count('hello');
    client.socket.send(Buffer.from([1, 2]), { binary: true });
    await client.closed;
    while (running.app.connections.size > 0) await turn();
    const events = (await running.log()).filter(({ trace_id }) => trace_id === TRACE);
    assert.deepEqual(
      events.map(({ event, span_id }) => [event, span_id]),
      [
        'websocket_connected',
        'websocket_message_received',
        'websocket_message_content',
        'websocket_client_error',
        'websocket_disconnected',
      ].map((event) => [event, SPAN]),
    );
  });

  it('on the line of a handshake that is refused', async (t) => {
    const running = await startApp(t);
    await ask(running.port, handshake({ path: '/ws/chat/?session_id=42', headers: { traceparent: TRACEPARENT } }));
    const line = (await running.log()).find(({ event }) => event === 'websocket_handshake_rejected');
    assert.deepEqual([line?.['trace_id'], line?.['span_id']], [TRACE, SPAN]);
  });

  // W3C Trace Context, sections 3.2.2 and 3.2.4.
  const headers: readonly (readonly [string, string | undefined, boolean])[] = [
    ['none', undefined, false],
    ['one that is not sampled', `00-${TRACE}-${SPAN}-00`, true],
    ['one with unknown flags', `00-${TRACE}-${SPAN}-fe`, true],
    ['a later version with more fields', `cc-${TRACE}-${SPAN}-01-what-comes`, true],
    ['a later version with the same fields', `cc-${TRACE}-${SPAN}-01`, true],
    ['version 00 with more fields', `00-${TRACE}-${SPAN}-01-more`, false],
    ['the forbidden version', `ff-${TRACE}-${SPAN}-01`, false],
    ['a later version that goes on without a dash', `cc-${TRACE}-${SPAN}-01.more`, false],
    ['a trace of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`, false],
    ['a span of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`, false],
    ['capitals', `00-${TRACE.toUpperCase()}-${SPAN}-01`, false],
    ['a short trace', `00-${TRACE.slice(1)}-${SPAN}-01`, false],
    ['no flags', `00-${TRACE}-${SPAN}`, false],
    ['two in one', `${TRACEPARENT}, ${TRACEPARENT}`, false],
    ['another text', '"},{"level":"CRITICAL"', false],
  ];
  for (const [what, traceparent, named] of headers)
    it(`${named ? 'reads' : 'takes no ids from'} ${what}`, async (t) => {
      const running = await startApp(t);
      await Client.open(running.url, { headers: traceparent === undefined ? {} : { traceparent } });
      const line = (await running.log()).find(({ event }) => event === 'websocket_connected');
      assert.equal(line?.['trace_id'], named ? TRACE : undefined);
      assert.equal(line?.['span_id'], named ? SPAN : undefined);
    });
});

describe('Spans reach an OpenTelemetry Collector', { skip: NO_COLLECTOR }, () => {
  it('of a handshake, a resume, a drain and the batches of the store', async (t) => {
    const collector = await OtelCollector.start(t);
    const redis = await RedisServer.start(t);
    const service = await ServiceProcess.start(t, {
      ...tracingTo(collector.url),
      OTEL_RESOURCE_ATTRIBUTES: 'k8s.pod.name=demo-0',
      REDIS_URL: redis.url,
    });
    const session = '3f2b8c1e-7d4a-4f0e-9b6a-2c5d8e1f0a9b';
    const first = await Client.open(service.url, { headers: { traceparent: TRACEPARENT } });
    await first.count('hello');
    const connected = await connectedLine(service);
    const shaken = await next(collector, 'websocket handshake');
    assert.equal(shaken.get('Trace ID'), TRACE);
    assert.equal(shaken.get('Parent ID'), SPAN);
    assert.equal(shaken.get('Kind'), 'Server');
    assert.equal(shaken.get('http.response.status_code'), '101');
    assert.equal(shaken.get('session.id'), connected['session_id']);
    // The line names the service's own span, a child of the client's.
    assert.deepEqual([connected['trace_id'], connected['span_id']], [TRACE, shaken.get('ID')]);
    assert.equal(
      (await next(collector, 'session store', (span) => span.get('operation') === 'write')).get('Parent ID'),
      '',
    );

    const opened = await Client.open(`${service.url}?session_id=${session}`);
    await opened.count('one');
    opened.socket.close();
    await opened.closed;
    await Client.open(`${service.url}?session_id=${session}`, { headers: { traceparent: TRACEPARENT } });
    const resumed = await next(collector, 'session resume', (span) => span.get('Trace ID') === TRACE);
    const parent = await next(collector, 'websocket handshake', (span) => span.get('ID') === resumed.get('Parent ID'));
    assert.equal(parent.get('Parent ID'), SPAN);

    await ask(service.port, handshake({ path: '/ws/chat/?session_id=42' }));
    const refused = await next(collector, 'websocket handshake', (span) => span.get('Status code') === 'Error');
    assert.equal(refused.get('Status message'), 'malformed');
    assert.equal(refused.get('http.response.status_code'), '400');

    service.signal('SIGTERM');
    const drain = await next(collector, 'drain');
    assert.equal(drain.get('reason'), 'SIGTERM');
    assert.equal(drain.get('connections'), '2');
    assert.equal((await service.exited).status, 0);
  });

  it('but none where the client said that it records nothing', async (t) => {
    const collector = await OtelCollector.start(t);
    const service = await ServiceProcess.start(t, tracingTo(collector.url));
    await Client.open(service.url, { headers: { traceparent: `00-${TRACE}-${SPAN}-00` } });
    await Client.open(service.url);
    const span = await next(collector, 'websocket handshake');
    assert.notEqual(span.get('Trace ID'), TRACE);
  });
});

describe('Tracing', () => {
  it('that can not reach its collector says so, and holds up neither clients nor the end', async (t) => {
    const service = await ServiceProcess.start(t, {
      ...tracingTo(`http://127.0.0.1:${await freePort()}`),
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer sesame',
    });
    const client = await Client.open(service.url);
    assert.equal(await client.count('hello'), 1);
    assert.match(String((await service.event('tracing_failed'))['detail']), /ECONNREFUSED/);
    service.signal('SIGTERM');
    assert.equal((await service.exited).status, 0);
    assert.doesNotMatch(JSON.stringify(service.log), /sesame/);
  });

  it('that is off loads nothing of OpenTelemetry', async (t) => {
    const forbid = `data:text/javascript,${encodeURIComponent(FORBID_OPENTELEMETRY)}`;
    const service = await ServiceProcess.start(t, { NODE_OPTIONS: `--import=${forbid}` });
    const client = await Client.open(service.url, { headers: { traceparent: TRACEPARENT } });
    assert.equal(await client.count('hello'), 1);
    const traced = new ServiceProcess({ NODE_OPTIONS: `--import=${forbid}`, ...tracingTo('http://127.0.0.1:9') });
    assert.notEqual((await traced.exited).status, 0);
    assert.match(traced.stderr, /OpenTelemetry is loaded/);
  });

  it('takes of a handshake the time to read its traceparent, which is printed', (t) => {
    const figures = [undefined, TRACEPARENT].map((header) => {
      const startedAt = performance.now();
      for (let times = 0; times < HANDSHAKES; times += 1)
        assert.equal(traceContextOf(header)?.traceId, header && TRACE);
      return Math.round(((performance.now() - startedAt) * 1e6) / HANDSHAKES);
    });
    t.diagnostic(`a handshake without a traceparent ${figures[0]} ns, with one ${figures[1]} ns`);
  });

  for (const address of [
    'collector:4318',
    'grpc://user:sesame@collector:4317',
    'http://',
    'http://collector:4318?token=sesame',
    'http://collector:4318/#',
  ])
    it(`refuses ${address} as an address`, async () => {
      const service = new ServiceProcess({ OTEL_EXPORTER_OTLP_ENDPOINT: address });
      assert.equal((await service.exited).status, 2);
      assert.match(
        service.stderr,
        /OTEL_EXPORTER_OTLP_ENDPOINT=".+" must be an http:\/\/ or https:\/\/ address without a query/,
      );
      assert.doesNotMatch(service.stderr, /sesame/);
    });
});

/** Its API is loaded in any case: prom-client asks it for exemplars. */
const FORBID_OPENTELEMETRY = `
import { registerHooks } from 'node:module';
registerHooks({
  resolve(specifier, context, next) {
    if (specifier.startsWith('@opentelemetry/sdk')) throw new Error('OpenTelemetry is loaded');
    return next(specifier, context);
  },
});`;

/** Spans are sent at once instead of every five seconds. */
function tracingTo(url: string): Readonly<Record<string, string>> {
  return { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_BSP_SCHEDULE_DELAY: '50' };
}

function connectedLine(service: ServiceProcess): Promise<LogLine> {
  return service.event('websocket_connected');
}

function next(
  { spans }: OtelCollector,
  name: string,
  matches: (span: CollectedSpan) => boolean = () => true,
): Promise<CollectedSpan> {
  return spans.next((span) => span.get('Name') === name && matches(span));
}
