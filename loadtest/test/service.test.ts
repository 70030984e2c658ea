import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServiceProcess } from '../../testkit/process.ts';
import { loadtestJson, readResult, startRun } from '../../testkit/run-loadtest.ts';

describe('against the service itself', { concurrency: 4 }, () => {
  it('every bad client gets what it deserves, good ones notice nothing, and the metrics agree', async (t) => {
    const service = await ServiceProcess.start(t, { HEARTBEAT_INTERVAL_SECONDS: '1', HANDSHAKE_TIMEOUT_SECONDS: '1' });
    const { status, result } = await loadtestJson(
      ...['--host', service.url, '--scenario', 'mixed-bad-clients', '--sockets', '66', '--duration', '5'],
    );
    assert.deepEqual(result.errors.byKind, {});
    assert.deepEqual(result.verdict.failures, []);
    assert.equal(status, 0);
    assert.equal(result.metrics.compared, true);
    for (const code of ['1002', '1003', '1006', '1007', '1008', '1009'])
      assert.ok((result.sockets.closes[code] ?? 0) > 0, `no close with ${code}`);
  });

  it('a storm of reconnections loses no count', async (t) => {
    const service = await ServiceProcess.start(t);
    const { status, result } = await loadtestJson(
      ...[
        '--host',
        service.url,
        '--scenario',
        'reconnect-storm',
        '--sockets',
        '100',
        // A busy machine takes a second for what takes a moment: connections are back before the next are cut.
        '--duration',
        '10',
        '--send-rate',
        '5',
        // Clients that wait for long would come back after the run's end.
        '--backoff-base',
        '0.1',
        '--backoff-max',
        '0.2',
      ],
    );
    assert.deepEqual(result.verdict.failures, []);
    assert.equal(status, 0);
    assert.equal(result.errors.total, 0);
    assert.ok(
      Math.abs(result.sockets.reconnects - 150) <= 20,
      `${result.sockets.reconnects} reconnects, about 150 were due`,
    );
  });

  it('a connection that grows too old gets its bye, and its session goes on', async (t) => {
    const service = await ServiceProcess.start(t, { MAX_CONNECTION_AGE_SECONDS: '1', RETRY_AFTER_MAX_SECONDS: '0.2' });
    const { status, result } = await loadtestJson(
      ...['--host', service.url, '--sockets', '10', '--send-rate', '20', '--duration', '3.5', '--assert', 'lost=0'],
    );
    assert.deepEqual(result.verdict.failures, []);
    assert.equal(status, 0);
    assert.ok(result.messages.byes >= 20);
    assert.equal(result.sockets.closes['1001'], result.messages.byes);
    assert.equal(result.errors.total, 0);
  });

  it('sessions that a restart forgot are found out', async (t) => {
    // Clients that are asked to wait for long would come back after the run's end.
    const service = await ServiceProcess.start(t, { RETRY_AFTER_MAX_SECONDS: '0.2' });
    const running = startRun([
      ...[
        '--json',
        '--host',
        service.url,
        '--sockets',
        '5',
        '--send-rate',
        '20',
        '--duration',
        '60',
        '--backoff-base',
        '0.1',
        '--backoff-max',
        '0.2',
      ],
    ]);
    await running.printed(/^running +1 s/m);
    service.signal('SIGTERM');
    await service.exited;
    // The memory store ends with its process: a client that comes back is told 1.
    await ServiceProcess.start(t, { PORT: String(service.port) });
    await running.printed(/WRONG COUNTS 5/);
    running.stop();
    const { status, result } = readResult(await running.finished);
    assert.equal(status, 1);
    assert.deepEqual(result.counts.byKind, { reset: 5 });
    assert.equal(result.metrics.compared, false);
    assert.match(result.metrics.reason, /has restarted/);
  });
});
