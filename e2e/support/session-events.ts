import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { progress } from './figures.ts';
import { drainNode } from './drain-node.ts';
import { mainProcess } from './node-process.ts';
import type { Release } from './release.ts';
import { secondsSince, until } from './wait.ts';

/** A `rollout restart`, to the end of the last old pod. */
export async function rollOut(release: Release): Promise<void> {
  const before = await release.podNames();
  await release.restart();
  await release.ready();
  await release.untilGone(before);
}

/** From so many pods to one, and back. */
export async function scaleDownAndUp(release: Release): Promise<void> {
  const before = await release.podNames();
  await release.scale(1);
  await until('one pod being left', 30, async () => (await release.podNames()).length === 1);
  const left = await release.podNames();
  await release.untilGone(before.filter((pod) => !left.includes(pod)));
  await release.scale(before.length);
  await release.ready();
}

/** `kubectl drain` of the node, to the end of the last pod that was on it. */
export async function drainTheNode(release: Release): Promise<void> {
  const before = await release.podNames();
  await drainNode(release);
  await release.untilGone(before);
  await release.ready();
}

/** Deletes a pod without any grace: its containers are killed, and no hook runs. */
export async function deleteWithoutGrace(release: Release): Promise<void> {
  const [pod = ''] = await release.podNames();
  await release.kubectl('delete', 'pod', pod, '--grace-period=0', '--force');
  await release.untilGone([pod]);
  await release.ready();
}

/** Kills the process of one pod after another with SIGKILL, at an interval, for a time. @returns how many were killed */
export async function killAgainAndAgain(
  release: Release,
  { everySeconds, seconds }: { readonly everySeconds: number; readonly seconds: number },
): Promise<number> {
  const began = performance.now();
  let kills = 0;
  while (secondsSince(began) < seconds) {
    const pod = await killOne(release, kills);
    kills += 1;
    progress(`${secondsSince(began)} s: SIGKILL of ${pod}`);
    await delay(Math.max(0, Math.min(kills * everySeconds, seconds) * 1000 - (performance.now() - began)));
  }
  await release.ready();
  return kills;
}

/** Kills the process of a pod that is ready. @param turn which of them: they are taken in turn. @returns its name */
export async function killOne(release: Release, turn: number): Promise<string> {
  const pods = await until('a pod being ready', 60, async () => {
    const ready = (await release.pods()).filter(({ status }) => status.containerStatuses?.[0]?.ready === true);
    return ready.length > 0 && ready;
  });
  const pod = pods[turn % pods.length];
  const pid = mainProcess(pod?.status.containerStatuses?.[0]?.containerID ?? '');
  assert.ok(pid !== undefined, "the pods do not run on this machine, so their processes can't be killed from here");
  process.kill(pid, 'SIGKILL');
  return pod?.metadata.name ?? '';
}
