import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { TOOLS } from '../../scripts/tools.ts';
import { useTool } from '../../testkit/find-tool.ts';
import { RedisServer } from '../../testkit/redis.ts';
import { Clock } from '../src/clock.ts';

const NEEDED = [TOOLS.redis, TOOLS.faketime].map(useTool).map(({ skip }) => skip);

it(
  'The clock of a redis-server jumps, and back',
  { skip: NEEDED.find((skip) => skip !== false) ?? false },
  async (t) => {
    const clock = new Clock(t, 'redis');
    const redis = await RedisServer.start(t, [], 'redis-server', clock.env);
    const behind = (): number => Date.now() / 1000 - Number(redis.cli('TIME').split('\n')[0]);
    const back = clock.jump(-900);
    while (behind() < 890) await delay(50);
    await back();
    while (behind() > 10) await delay(50);
    assert.ok(behind() > -10);
  },
);
