import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Client } from '../../../testkit/client.ts';
import { ServiceProcess } from '../../../testkit/process.ts';

/** Loaded before the service: throws where no one catches, once for each SIGUSR2 and as often as BOOMS says. */
const SABOTAGE = `data:text/javascript,${encodeURIComponent(
  `process.on('SIGUSR2', () => { for (let n = 0; n < Number(process.env.BOOMS ?? 1); n += 1) setTimeout(() => { throw new Error('boom'); }); });
   process.on('SIGHUP', () => { Promise.reject(new Error('boom')); });`,
)}`;

describe('An uncaught error', () => {
  for (const [what, signal] of [
    ['thrown', 'SIGUSR2'],
    ['rejected', 'SIGHUP'],
  ] as const)
    it(`${what}, is logged as CRITICAL, fails liveness, drains what it can, and ends with 1`, async (t) => {
      const service = await ServiceProcess.start(t, {
        NODE_OPTIONS: `--import=${SABOTAGE}`,
        FINAL_SCRAPE_WAIT_SECONDS: '5',
      });
      const client = await Client.open(service.url);
      assert.equal(await client.count(), 1);
      service.signal(signal);
      const line = await service.event('uncaught_error');
      assert.equal(line.level, 'CRITICAL');
      assert.match((line['error'] as { stack: string }).stack, /boom/);
      assert.equal((await client.bye()).total, 1);
      assert.equal((await client.closed).code, 1001);
      const health = await fetch(`${service.origin}/healthz/`);
      assert.equal(health.status, 503);
      assert.equal((await service.scrape()).value('websocket_errors_total{type="internal"}'), 1);
      assert.deepEqual(await service.exited, { status: 1, signal: null });
      assert.equal(service.log.at(-1)?.event, 'service_stopped');
    });

  it('over and over ends the process at once', async (t) => {
    const service = await ServiceProcess.start(t, { NODE_OPTIONS: `--import=${SABOTAGE}`, BOOMS: '50' });
    await Client.open(service.url);
    service.signal('SIGUSR2');
    assert.deepEqual(await service.exited, { status: 1, signal: null });
    assert.equal(service.log.at(-1)?.['reason'], 'too many uncaught errors');
  });
});
