import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Loki, NO_LOKI } from '../../testkit/loki.ts';
import { isNotice, isProblem, MonitorProcess } from '../../testkit/monitor-process.ts';
import { ServiceServer } from './support/service-server.ts';

async function push(loki: Loki, level: string, n: number, atMs = Date.now()): Promise<void> {
  const line = JSON.stringify({ level, message: `line ${n}` });
  const stream = { service: 'websocket-message-counter', environment: 'test', level };
  const values = [[`${atMs}000000`, line]];
  const response = await fetch(`${loki.url}/loki/api/v1/push`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ streams: [{ stream, values }] }),
  });
  assert.equal(response.status, 204, await response.text());
}

test(
  'the log is read from Loki, each line once, lines that come late and those of its absence too',
  { skip: NO_LOKI },
  async (t) => {
    const loki = await Loki.start();
    t.after(() => loki.remove());
    const service = await ServiceServer.start(t);
    await push(loki, 'ERROR', 0);
    const monitor = new MonitorProcess(t, ['0', '--url', service.url], { LOKI_URL: loki.url });
    const read = (): string[] => monitor.events.filter(isProblem('log_error')).map(({ message }) => String(message));
    await monitor.waitFor('the start', isNotice('watching', 'Loki'));
    const earlyMs = Date.now();
    await push(loki, 'ERROR', 1, earlyMs + 1);
    await push(loki, 'INFO', 2);
    await monitor.until('the first line', () => read().includes('line 1'));
    await push(loki, 'CRITICAL', 3, earlyMs);
    await monitor.until('the late line', () => read().includes('line 3'));
    await loki.kill();
    await monitor.waitFor('word of its absence', isNotice('not_watched', 'Loki'));
    await loki.up();
    await push(loki, 'ERROR', 4);
    await monitor.waitFor('word of its return', isNotice('watched_again', 'Loki'));
    await monitor.until('the line after it', () => read().includes('line 4'));
    const run = await monitor.end('SIGINT');
    assert.deepEqual(read(), ['line 1', 'line 3', 'line 4']);
    assert.equal(run.status, 1);
  },
);
