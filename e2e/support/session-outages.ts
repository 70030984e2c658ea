import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { LocalVolume, REDIS_ALONE, ReleaseRedis } from './release-redis.ts';
import type { Values } from './release.ts';
import { rollOut } from './session-events.ts';
import type { LoadShape } from './session-load.ts';
import { prove } from './session-proof.ts';
import { SessionStage } from './session-stage.ts';

const AWAY_SECONDS = 30;
const REFUSING_SECONDS = 15;

/** The proof that nothing told is lost, whatever happens to the store. */
export function proveOutages(durability: 'strict' | 'relaxed', shape: LoadShape): void {
  const mode = durability;
  describe(`${mode}, the store away: ${shape.sockets} sessions that send ${shape.sendRate} messages/s each`, () => {
    const name = `sessions-${mode}-outages`;
    let volume: LocalVolume;
    before(async () => {
      volume = await LocalVolume.create(name);
    });
    const stage = new SessionStage(name, valuesFor(durability, name), shape);
    after(() => volume.delete());

    play(`Redis stopped for ${AWAY_SECONDS} s`, async (redis) => {
      await redis.stop();
      await delay(AWAY_SECONDS * 1000);
      await redis.start();
    });
    play(`Redis frozen (SIGSTOP) for ${AWAY_SECONDS} s`, async (redis) => {
      const thaw = await redis.freeze();
      await delay(AWAY_SECONDS * 1000);
      thaw();
    });
    play('Redis killed (SIGKILL) while it writes', (redis) => redis.kill());
    play(`CLIENT PAUSE for ${REFUSING_SECONDS} s`, async (redis) => {
      await redis.cli('CLIENT', 'PAUSE', String(REFUSING_SECONDS * 1000), 'ALL');
      await delay(REFUSING_SECONDS * 1000);
    });
    play(`maxmemory reached for ${REFUSING_SECONDS} s`, async (redis) => {
      const [, most = ''] = (await redis.cli('CONFIG', 'GET', 'maxmemory')).split('\n');
      await redis.cli('CONFIG', 'SET', 'maxmemory', '1');
      await delay(REFUSING_SECONDS * 1000);
      await redis.cli('CONFIG', 'SET', 'maxmemory', most);
    });
    play('Redis replaced by an empty one', async () => {
      const { stack, ...values } = valuesFor(durability, name);
      await stage.release.upgrade({ ...values, stack: { ...(stack as Values), redis: {} } });
      await stage.release.ready(`${stage.release.fullName}-redis`);
    });
    // Connections that stayed open are tried by it, too: their next pod knows what the store has.
    play('rollout restart after all of these', () => rollOut(stage.release));
    test('the whole run, added up', () => stage.finish());

    function play(event: string, work: (redis: ReleaseRedis) => Promise<void>): void {
      test(event, async () => {
        await prove(stage.load, mode, event, () => work(new ReleaseRedis(stage.release)));
      });
    }
  });
}

function valuesFor(durability: 'strict' | 'relaxed', storageClassName: string): Values {
  return {
    store: { type: 'redis' },
    stack: { ...REDIS_ALONE, redis: { persistence: { enabled: true, storageClassName, size: '1Gi' } } },
    resumeToken: { enabled: false },
    config: { finalScrapeWaitSeconds: 0, sessionDurability: durability },
  };
}
