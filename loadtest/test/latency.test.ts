import assert from 'node:assert/strict';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { describe, it } from 'node:test';
import { CountingServer } from '../../testkit/counting-server.ts';
import { loadtestJson, readResult, startRun } from '../../testkit/run-loadtest.ts';

/** Of the server's event-loop delay, in milliseconds. */
const RESOLUTION_MS = 10;

/** Quantile of what the server itself measured. */
function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(share * values.length) - 1] ?? NaN;
}

/**
 * @param lateMs by how much the event loops of the load test, which it reports, and of the server were late: on a machine
 * that is busy with other work no client can measure better than that
 */
function assertNear(measured: number | null, known: number, lateMs: number, what: string): void {
  const tolerance = Math.max(2, known * 0.02) + lateMs;
  assert.ok(
    measured !== null && Math.abs(measured - known) <= tolerance,
    `${what}: measured ${measured} ms, the server took ${known} ms, more than ${tolerance} ms apart`,
  );
}

describe('latencies', () => {
  for (const delayMs of [0, 5, 50])
    it(`are right within 2 ms or 2 % where the server takes ${delayMs} ms`, async () => {
      const server = await CountingServer.start({ delayMs });
      const loopDelay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
      loopDelay.enable();
      try {
        const { result } = await loadtestJson(
          ...[
            '--host',
            server.host,
            '--sockets',
            '20',
            '--rate',
            '200',
            '--send-rate',
            '10',
            '--duration',
            '1',
            '--no-metrics',
          ],
        );
        const { reply } = result.latency;
        const serverLate = Math.max(0, loopDelay.percentile(99) / 1e6 - RESOLUTION_MS);
        const late = (result.client.loopDelayMs.p99 ?? 0) + serverLate;
        assert.ok(quantile(server.takenMs, 0.5) >= delayMs - 1);
        assertNear(reply.p50, quantile(server.takenMs, 0.5), late, 'p50');
        assertNear(reply.p90, quantile(server.takenMs, 0.9), late, 'p90');
      } finally {
        await server.stop();
      }
    });

  it('show a stall of 1 s as every message that was due in it felt it', async () => {
    const server = await CountingServer.start();
    try {
      const running = startRun([
        ...[
          '--json',
          '--host',
          server.host,
          '--sockets',
          '40',
          '--rate',
          '1000',
          '--send-rate',
          '10',
          '--duration',
          '2.5',
          '--no-metrics',
        ],
      ]);
      await running.printed(/all sockets open/);
      server.stall(1000);
      const { result } = readResult(await running.finished);
      const { sent, replied } = result.messages;
      // Open loop: the stall must not keep messages back. 40 sockets send 10 a second for 2.5 s; a closed loop would send 600.
      assert.ok(sent > 850 && sent <= 1030, `${sent} messages sent, about 1000 were due`);
      assert.equal(replied, sent);
      // Two fifths of the messages waited from 1 s down to 0: a tenth of all waited longer than 0.75 s.
      assertWithin(result.latency.reply.p90, 600, 900);
      assertWithin(result.latency.reply['p99.9'], 900, 1250);
      assertWithin(result.latency.reply.max, 950, 1250);
      assertWithin(result.latency.reply.p50, 0, 100);
    } finally {
      await server.stop();
    }
  });
});

function assertWithin(value: number | null, least: number, most: number): void {
  assert.ok(value !== null && value >= least && value <= most, `${value} is not within ${least} and ${most}`);
}
