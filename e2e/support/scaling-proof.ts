import assert from 'node:assert/strict';
import { figure } from './figures.ts';
import type { Release } from './release.ts';
import type { ReplicaLog } from './replica-log.ts';
import { SessionLoad, type LoadShape } from './session-load.ts';
import { prove } from './session-proof.ts';
import { secondsSince, until } from './wait.ts';

/** What an autoscaler is put under. */
export interface Tide {
  /** Sessions that are there all the time. */
  readonly stay: LoadShape;
  /** Sessions that come, and go when there are as many pods as there may be. */
  readonly come: LoadShape;
  /** Most pods that there may be; the least is 1. */
  readonly most: number;
}

/**
 * Lets sessions come until the autoscaler has made every pod it may, and go until one is left. Neither those that stay nor those
 * that come may lose a count, and those that stay are closed with 1001 alone.
 */
export async function proveScaling(release: Release, replicas: ReplicaLog, { stay, come, most }: Tide): Promise<void> {
  const load = await SessionLoad.start(await release.url(), stay);
  try {
    const event = `${come.sockets} sessions come to ${stay.sockets}, and go`;
    const { closes } = await prove(load, 'token', event, async () => {
      await letCome(release, replicas, come, most);
      const ended = performance.now();
      await until('one pod', 360, async () => (await release.pods()).length === 1);
      figure('from the end of the load to 1 pod', `${secondsSince(ended)} s`);
    });
    // None at all, if the pod that is left had them all.
    assert.deepEqual({ ...closes, 1001: 0 }, { 1001: 0 });
  } finally {
    await load.stop();
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

async function letCome(release: Release, replicas: ReplicaLog, shape: LoadShape, most: number): Promise<void> {
  const began = performance.now();
  const load = await SessionLoad.start(await release.url(), shape);
  try {
    await until(`${most} pods`, 300, () => replicas.last === most);
    figure(`from the load to ${most} pods asked for`, `${secondsSince(began)} s`);
    await release.ready();
    await load.untilWhole(60);
  } finally {
    const { counts } = await load.stop();
    assert.equal(counts.lost, 0, JSON.stringify(counts.byKind));
  }
}
