import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Instance } from '../src/instance.ts';
import { neverSeen } from '../src/run.ts';
import { Signs } from '../src/signs.ts';

it('An instance that dies while it drains is a mishap, and one that drains is none', async (t) => {
  const mishaps: string[] = [];
  const instance = await Instance.start(t, 'service-0', {}, (mishap) => mishaps.push(mishap));
  await instance.drain();
  assert.deepEqual(mishaps, []);
  await instance.up();
  const drained = instance.drain();
  instance.process.signal('SIGKILL');
  await drained;
  assert.deepEqual(mishaps, ['by itself']);
});

it('What another instance shows is no sign of a fault of this one, or of its link', async (t) => {
  const start = (name: string): Promise<Instance> => Instance.start(t, name, {}, () => undefined);
  const [one, other] = await Promise.all([start('service-0'), start('service-1')]);
  const signs = new Signs([one, other]);
  t.after(() => {
    signs.stop();
  });
  const from = Date.now();
  while (signs.peakMemoryBytes === 0) await delay(10);
  await one.drain();
  const seen = (target: string): boolean => signs.seen(['drain_started'], target, from, Date.now());
  assert.deepEqual(['service-0', 'link service-0', 'redis-0'].map(seen), [true, true, true]);
  assert.deepEqual(['service-1', 'link service-1'].map(seen), [false, false]);
});

it('An error of the service itself is seen', async (t) => {
  const server = createServer((_request, response) => response.end('websocket_errors_total{type="internal"} 1\n'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const signs = new Signs([{ name: 'service-0', origin, process: { log: [] }, processes: [] } as unknown as Instance]);
  t.after(() => {
    signs.stop();
    server.close();
  });
  while (!signs.seen(['internal errors'], '', 0, Infinity)) await delay(10);
});

it('A kind of fault that happened twenty times and was never seen is a problem', () => {
  const happened = (times: number, seen: boolean | undefined): Parameters<typeof neverSeen>[0] =>
    Array.from({ length: times }, () => ({ kind: 'loki-killed', target: 'loki', from: 0, to: 1, seen }));
  assert.match(neverSeen(happened(20, false)).join(), /^loki-killed happened 20 times, and no metric/);
  assert.deepEqual(neverSeen(happened(19, false)), []);
  assert.deepEqual(neverSeen([...happened(19, false), ...happened(1, true)]), []);
  assert.deepEqual(neverSeen(happened(20, undefined)), []);
});
