import assert from 'node:assert/strict';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { CountingServer } from '../../testkit/counting-server.ts';
import { loadtestJson, readResult, startRun } from '../../testkit/run-loadtest.ts';

const SHORT = ['--sockets', '6', '--rate', '100', '--send-rate', '10', '--duration', '2'];

/** A load balancer: connections to the servers in turn. */
async function balance(ports: readonly number[]): Promise<Server> {
  let next = 0;
  const balancer = createServer((client) => {
    const server = connect(ports[next++ % ports.length] ?? 0, '127.0.0.1');
    client.pipe(server).pipe(client);
    client.on('error', () => server.destroy());
    server.on('error', () => client.destroy());
  });
  await new Promise<void>((resolve) => balancer.listen(0, '127.0.0.1', resolve));
  return balancer;
}

async function withTwoServers(
  t: TestContext,
  test: (host: string, servers: [CountingServer, CountingServer]) => Promise<void>,
): Promise<void> {
  const servers: [CountingServer, CountingServer] = [
    await CountingServer.start({}, t),
    await CountingServer.start({}, t),
  ];
  const balancer = await balance(servers.map(({ port }) => port));
  t.after(() => balancer.close());
  await test(`ws://127.0.0.1:${(balancer.address() as AddressInfo).port}`, servers);
}

describe('the comparison with the metrics', { concurrency: 4 }, () => {
  it('sums the change over all instances', (t) =>
    withTwoServers(t, async (host, servers) => {
      const urls = servers.flatMap(({ metricsUrl }) => ['--metrics-url', metricsUrl]);
      const { status, result } = await loadtestJson('--host', host, ...SHORT, ...urls);
      assert.deepEqual(result.verdict.failures, []);
      assert.equal(status, 0);
      assert.ok(
        servers.every(({ counted }) => counted > 0 && counted < result.messages.replied),
        'both had a part of the load',
      );
      assert.deepEqual(
        result.metrics.rows.find(({ what }) => what === 'messages'),
        {
          what: 'messages',
          clients: { least: result.messages.replied, most: result.messages.replied },
          service: servers[0].counted + servers[1].counted,
          same: true,
        },
      );
    }));

  it('shows a difference if one instance is left out', (t) =>
    withTwoServers(t, async (host, [one]) => {
      const { status, result } = await loadtestJson('--host', host, ...SHORT, '--metrics-url', one.metricsUrl);
      assert.equal(status, 1);
      assert.match(
        result.verdict.failures.join(),
        /The metrics differ: messages: clients saw \d+, the metrics say \d+\./,
      );
    }));

  it('warns if the derived metrics can not be read, and fails the assertion that wants them compared', async (t) => {
    const server = await CountingServer.start({ noMetrics: true }, t);
    const { status, result } = await loadtestJson('--host', server.host, ...SHORT);
    assert.equal(status, 0);
    assert.match(
      result.verdict.warnings.join(),
      /The metrics were not compared\. .*\/metrics\/ answered with HTTP 404\./,
    );
    const strict = await loadtestJson('--host', server.host, ...SHORT, '--assert', 'differences=0');
    assert.equal(strict.status, 1);
  });

  it('says nothing of metrics with --no-metrics', async (t) => {
    const server = await CountingServer.start({ messagesMetricOff: 7 }, t);
    const { status, result } = await loadtestJson('--host', server.host, ...SHORT, '--no-metrics');
    assert.equal(status, 0);
    assert.doesNotMatch(result.verdict.warnings.join(), /metrics/);
  });

  it('is not made if the instance is gone at the end', async (t) => {
    const server = await CountingServer.start({}, t);
    const instance = await CountingServer.start({}, t);
    const running = startRun([
      '--json',
      '--host',
      server.host,
      ...SHORT,
      '--duration',
      '2',
      '--metrics-url',
      instance.metricsUrl,
    ]);
    await running.printed(/all sockets open/);
    await instance.stop();
    const { result } = readResult(await running.finished);
    assert.equal(result.metrics.compared, false);
    assert.match(
      result.verdict.warnings.join(),
      /The metrics were not compared\. .* can not be read: connection refused/,
    );
  });
});
