import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CounterClient } from '../../client/client.js';
import { TOOLS } from '../../scripts/tools.ts';
import { skipWithout } from '../../testkit/find-tool.ts';
import { RedisServer } from '../../testkit/redis.ts';
import { Clock } from '../src/clock.ts';
import { Instance } from '../src/instance.ts';

/** More than SESSION_TTL. */
const TEN_DAYS = 864_000;

it(
  'A store whose clock jumps ahead of SESSION_TTL, and back, takes back no count of a session with a connection',
  { skip: skipWithout(TOOLS.redis, TOOLS.faketime) },
  async (t) => {
    const clock = new Clock(t, 'redis');
    const redis = await RedisServer.start(t, [], 'redis-server', clock.env);
    const aheadBy = async (seconds: number): Promise<void> => {
      clock.jump(seconds);
      while (Math.abs(Number(redis.cli('TIME').split('\n')[0]) - Date.now() / 1000 - seconds) > 5) await delay(50);
    };
    const instance = await Instance.start(
      t,
      'service',
      { REDIS_URL: redis.url, SESSION_DURABILITY: 'strict' },
      (mishap, detail) => assert.fail(`${mishap}: ${detail}`),
    );
    const client = new CounterClient(`ws://127.0.0.1:${instance.port}/ws/chat/`);
    t.after(() => {
      client.close();
    });
    const counts = [await client.send('before')];
    await aheadBy(TEN_DAYS);
    counts.push(await client.send('ahead'));
    await instance.drain();
    await instance.up();
    counts.push(await client.send('after a rollout'));
    await aheadBy(0);
    counts.push(await client.send('and back'));
    assert.deepEqual(counts, [1, 2, 3, 4]);
  },
);
