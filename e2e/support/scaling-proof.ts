import assert from 'node:assert/strict';
import { figure } from './figures.ts';
import type { Release } from './release.ts';
import type { ReplicaLog } from './replica-log.ts';
import { SessionLoad, type LoadShape } from './session-load.ts';
import { prove } from './session-proof.ts';
import { secondsSince, until } from './wait.ts';

/** What an autoscaler is put under. */
export interface Tide {
  /** Sessions that come, so many that there are as many pods as there may be, and go. */
  readonly come: LoadShape;
  /** Sessions that come when all of those pods are there, and so to each of them, and stay. */
  readonly stay: LoadShape;
  /** Most pods that there may be; the least is 1. */
  readonly most: number;
}

/**
 * Lets sessions come until the autoscaler has made every pod it may, and go until one is left. Neither those that come nor those
 * that stay may lose a count, and those that stay, whose pods go, are closed with 1001 alone.
 */
export async function proveScaling(release: Release, replicas: ReplicaLog, { stay, come, most }: Tide): Promise<void> {
  const url = await release.url();
  const began = performance.now();
  const coming = await SessionLoad.start(url, come);
  let staying: SessionLoad | undefined;
  try {
    await until(`${most} pods`, 300, () => replicas.last === most);
    figure(`from the load to ${most} pods asked for`, `${secondsSince(began)} s`);
    await release.ready();
    staying = await SessionLoad.start(url, stay);
    await coming.untilWhole(60);
    const { closes } = await prove(staying, 'token', `${come.sockets} sessions go, ${stay.sockets} stay`, async () => {
      await end(coming);
      const ended = performance.now();
      await until('one pod', 360, async () => (await release.pods()).length === 1);
      figure('from the end of the load to 1 pod', `${secondsSince(ended)} s`);
    });
    assert.deepEqual(Object.keys(closes), ['1001']);
  } finally {
    await coming.stop();
    await staying?.stop();
  }
}

/** Fails if the number of pods did not rise to a top and then fall to 1. */
export function expectOneTide({ steps }: ReplicaLog, most: number): void {
  figure('pods asked for', steps.join(' → '), 'up, then down');
  const top = steps.indexOf(most);
  assert.notEqual(top, -1, 'the autoscaler never asked for the most');
  const risen = steps.slice(0, top + 1);
  const fallen = steps.slice(top);
  assert.deepEqual(
    risen,
    risen.toSorted((a, b) => a - b),
  );
  assert.deepEqual(
    fallen,
    fallen.toSorted((a, b) => b - a),
  );
  assert.equal(steps.at(-1), 1);
}

/** Ends a load, of which no count may have been lost. */
async function end(load: SessionLoad): Promise<void> {
  const { counts } = await load.stop();
  assert.equal(counts.lost, 0, JSON.stringify(counts.byKind));
  figure('counts of the sessions that come and go', `${counts.lost} lost`, '0');
}
