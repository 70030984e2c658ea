import { describe, test } from 'node:test';
import { figure } from '../support/figures.ts';
import { rollOut } from '../support/session-events.ts';
import { prove } from '../support/session-proof.ts';
import { SessionStage } from '../support/session-stage.ts';

const SHAPE = { sockets: 2000, sendRate: 1 };
const config = { finalScrapeWaitSeconds: 0 };
const values = { store: { type: 'memory' }, config };

describe(`a rollout under ${SHAPE.sockets} sessions`, () => {
  const stage = new SessionStage('sessions-spread', values, SHAPE);

  test('with the spread of the defaults', () => measure('the default'));
  test('without a spread', async () => {
    await stage.release.upgrade({ ...values, config: { ...config, drainSpreadSeconds: 0 } });
    await stage.load.untilWhole(90);
    await measure('0 s');
  });
  test('the whole run, added up', () => stage.finish());

  async function measure(spread: string): Promise<void> {
    const { peakReconnects, longestAbsence } = await prove(stage.load, 'token', `rollout, spread ${spread}`, () =>
      rollOut(stage.release),
    );
    figure(`spread of ${spread}: reconnects in the busiest second`, peakReconnects.toFixed(0));
    figure(`spread of ${spread}: longest time without a count`, `${longestAbsence.toFixed(1)} s`);
  }
});
