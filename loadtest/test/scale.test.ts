import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { planProcesses, planSources, type SystemLimits } from '../src/limits.ts';
import { SourceAddresses } from '../src/source-addresses.ts';
import { UsageError } from '../src/usage-error.ts';
import { CountingServer } from '../../testkit/counting-server.ts';
import { loadtestJson, readResult, startLoadtest } from '../../testkit/run-loadtest.ts';

const LIMITS: SystemLimits = { descriptors: 20_000, ports: 28_232, cores: 8 };

/** Processes that a process started. */
function childrenOf(pid: number | undefined): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
}

describe('several processes', { concurrency: 2 }, () => {
  it('share the sockets, and their figures add up', async (t) => {
    const server = await CountingServer.start({}, t);
    const running = startLoadtest([
      ...[
        '--json',
        '--host',
        server.host,
        '--sockets',
        '31',
        '--rate',
        '100',
        '--send-rate',
        '10',
        '--duration',
        '3',
        '--processes',
        '3',
      ],
    ]);
    await running.printed(/all sockets open/);
    assert.equal(childrenOf(running.process.pid).length, 3);
    const { status, result } = readResult(await running.finished);
    assert.deepEqual(result.verdict.failures, []);
    assert.equal(status, 0);
    assert.equal(result.client.processes, 3);
    assert.equal(result.sockets.everOpen, 31);
    assert.equal(server.counted, result.messages.replied);
  });

  it('void the run if one is killed', async (t) => {
    const server = await CountingServer.start({}, t);
    const running = startLoadtest(['--host', server.host, '--sockets', '4', '--duration', '60', '--processes', '2']);
    await running.printed(/all sockets open/);
    process.kill(childrenOf(running.process.pid)[0] ?? 0, 'SIGKILL');
    const { status, stderr } = await running.finished;
    assert.match(stderr, /^Process [12] of the load test's own ended with signal SIGKILL; the run is void\.\n$/);
    assert.equal(status, 1);
  });

  it('say so when they could not keep their schedule', async (t) => {
    const server = await CountingServer.start({}, t);
    const running = startLoadtest([
      '--json',
      '--host',
      server.host,
      '--sockets',
      '4',
      '--send-rate',
      '20',
      '--duration',
      '2',
    ]);
    await running.printed(/all sockets open/);
    const [worker = 0] = childrenOf(running.process.pid);
    process.kill(worker, 'SIGSTOP');
    setTimeout(() => process.kill(worker, 'SIGCONT'), 500);
    const { result } = readResult(await running.finished);
    assert.equal(result.client.overloaded, true);
    assert.ok((result.client.loopDelayMs.max ?? 0) >= 400);
    assert.match(
      result.verdict.warnings.join(),
      /The load test itself was overloaded: its event loop was up to \d{3} ms late/,
    );
    // Latencies count from when messages were due, so the client's own lateness is in them, not hidden.
    assert.ok((result.latency.reply.max ?? 0) >= 400);
  });

  it('are as many as half of the cores, and as sockets and open files ask for', () => {
    assert.equal(planProcesses(100, undefined, LIMITS), 1);
    assert.equal(planProcesses(12_000, undefined, LIMITS), 3);
    assert.equal(planProcesses(19_000, undefined, { ...LIMITS, cores: 2 }), 1);
    assert.equal(planProcesses(1_000_000, undefined, { ...LIMITS, descriptors: 1_000_000 }), 4);
    assert.equal(planProcesses(10_000, undefined, { ...LIMITS, descriptors: 1024 }), 11);
    assert.equal(planProcesses(100, 5, LIMITS), 5);
  });

  it('are refused where a process may not have as many files open', () => {
    assert.throws(
      () => planProcesses(10_000, 2, { ...LIMITS, descriptors: 1024 }),
      (error) => {
        assert.ok(error instanceof UsageError);
        assert.equal(
          error.message,
          '--sockets 10000 with --processes 2 needs 5064 open files a process, and 1024 are allowed: raise the limit with ulimit -n, or give --processes 11.',
        );
        return true;
      },
    );
  });
});

describe('several source addresses', () => {
  it('are used in turn', async (t) => {
    const server = await CountingServer.start({}, t);
    const { status } = await loadtestJson(
      ...[
        '--host',
        server.host,
        '--sockets',
        '6',
        '--rate',
        '100',
        '--send-rate',
        '5',
        '--duration',
        '2',
        '--source-addresses',
        '3',
      ],
    );
    assert.equal(status, 0);
    assert.deepEqual([...new Set(server.handshakes.map(({ from }) => from))].sort(), [
      '127.0.0.1',
      '127.0.0.2',
      '127.0.0.3',
    ]);
  });

  it('are taken when the ports of one would not suffice, on loopback alone', () => {
    assert.deepEqual(planSources(20_000, '127.0.0.1', undefined, LIMITS), { addresses: [], mayGrow: true });
    assert.deepEqual(planSources(50_000, '127.0.0.1', undefined, LIMITS).addresses, [
      '127.0.0.1',
      '127.0.0.2',
      '127.0.0.3',
    ]);
    assert.deepEqual(planSources(50_000, '10.0.0.1', ['10.0.0.2', '10.0.0.3'], LIMITS).addresses, [
      '10.0.0.2',
      '10.0.0.3',
    ]);
    assert.throws(
      () => planSources(50_000, '10.0.0.1', undefined, LIMITS),
      /needs more ports than one address of this machine has \(28232\)/,
    );
    assert.throws(() => planSources(5, '10.0.0.1', 3, LIMITS), /is for a service on loopback/);
  });

  it('are added when ports run out in the middle of a run', () => {
    const addresses = new SourceAddresses([], true);
    assert.equal(addresses.at(7), undefined);
    assert.equal(addresses.grew('ECONNREFUSED'), false);
    assert.equal(addresses.grew('EADDRNOTAVAIL'), true);
    assert.deepEqual([addresses.at(0), addresses.at(1)], [undefined, '127.0.0.3']);
    assert.equal(new SourceAddresses([], false).grew('EADDRNOTAVAIL'), false);
  });
});
