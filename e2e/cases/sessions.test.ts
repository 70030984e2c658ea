import { describe, test } from 'node:test';
import { REDIS_ALONE } from '../support/release-redis.ts';
import { killOne, rollOut } from '../support/session-events.ts';
import { prove } from '../support/session-proof.ts';
import { SessionStage } from '../support/session-stage.ts';

const SHAPE = { sockets: 400, sendRate: 1 };
const config = { finalScrapeWaitSeconds: 0 };

describe(`${SHAPE.sockets} sessions in a Redis, strict, with resume tokens`, () => {
  const values = { store: { type: 'redis' }, stack: REDIS_ALONE, config: { ...config, sessionDurability: 'strict' } };
  const stage = new SessionStage('sessions-strict', values, SHAPE);

  test('a rollout loses no count', async () => {
    await prove(stage.load, 'strict', 'rollout restart', () => rollOut(stage.release));
  });
  test('a SIGKILL loses no count', async () => {
    await prove(stage.load, 'strict', 'SIGKILL', async () => {
      await killOne(stage.release, 0);
    });
  });
  test('the whole run, added up', () => stage.finish());
});

describe(`${SHAPE.sockets} sessions in the memory of the pods, with resume tokens`, () => {
  const stage = new SessionStage('sessions-token', { store: { type: 'memory' }, config }, SHAPE);

  test('a rollout loses no count', async () => {
    await prove(stage.load, 'token', 'rollout restart', () => rollOut(stage.release));
  });
  test('the whole run, added up', () => stage.finish());
});
