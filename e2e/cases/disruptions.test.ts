import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { quantile } from '../../lib/quantile.ts';
import { describeBreaks, summarise, type BreakSummary } from '../support/breaks.ts';
import { drainNode } from '../support/drain-node.ts';
import { figure, progress } from '../support/figures.ts';
import { Fleet } from '../support/fleet.ts';
import { HOG_MESSAGE_BYTES, hogMemory } from '../support/memory-hog.ts';
import { Namespace } from '../support/namespace.ts';
import { mainProcess } from '../support/node-process.ts';
import { Release } from '../support/release.ts';
import { expectAtMost, type Timekeeper } from '../support/time-bound.ts';
import { Tunnel } from '../support/tunnel.ts';
import { secondsSince, until } from '../support/wait.ts';

const CLIENTS = 300;
const PODS = 3;
const LATE_SECONDS = 2;
/** A client that was cut finds its way by itself: the dead pod stays in the Service until the kubelet has noticed. */
const BACK_SECONDS = 10;

describe(`${PODS} pods with ${CLIENTS} clients`, () => {
  let namespace: Namespace;
  let release: Release;
  let fleet: Fleet;

  before(async () => {
    namespace = await Namespace.create('disruptions');
    release = await Release.install(namespace, 'demo', {
      replicaCount: PODS,
      minReadySeconds: 2,
      config: { finalScrapeWaitSeconds: 0, maxMessageBytes: HOG_MESSAGE_BYTES },
      // Little enough for one unfinished message of the greatest size to be too much.
      resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '128Mi' } },
    });
    fleet = await Fleet.start(await release.url(), { clients: CLIENTS });
  });
  afterEach(async (context) => {
    if ('passed' in context && !context.passed) await namespace.describe();
  });
  after(async () => {
    await fleet.stop();
    await namespace.delete();
  });

  test('kubectl delete pod: a bye and 1001 for its clients, none refused', async () => {
    const [pod = ''] = await release.podNames();
    await release.kubectl('delete', 'pod', pod);
    expectGoodbyes(await seen('kubectl delete pod'), fleet);
    await release.ready();
  });

  test('kubectl drain: one pod at a time, as the PodDisruptionBudget says, each with byes and 1001', async () => {
    const before = await release.podNames();
    const began = performance.now();
    await drainNode(release, (evicted) => {
      progress(`${evicted.length} of ${PODS} pods are going`);
      assert.equal(evicted.length, 1);
    });
    await release.untilGone(before);
    await release.ready();
    figure('kubectl drain: every pod moved', `${secondsSince(began)} s`);
    const summary = await seen('kubectl drain');
    expectGoodbyes(summary, fleet);
    assert.ok(summary.count >= CLIENTS, 'every client was on a pod that moved');
  });

  test('SIGKILL of the process: cut clients are back by themselves', async (context) => {
    const [pod = ''] = await release.podNames();
    const { containerID = '', restartCount } = await release.container(pod);
    const pid = mainProcess(containerID);
    if (pid === undefined) {
      context.skip('the pods do not run on this machine, so their processes cannot be killed from here');
      return;
    }
    process.kill(pid, 'SIGKILL');
    const { lastState } = await restarted(pod, restartCount);
    assert.equal(lastState.terminated?.exitCode, 137);
    expectCuts(await seen('SIGKILL of the process'), fleet);
  });

  test('an OOM kill: cut clients are back by themselves', async () => {
    const [, pod = ''] = await release.podNames();
    const { restartCount } = await release.container(pod);
    const tunnel = await Tunnel.open(release, pod);
    try {
      await Promise.race([hogMemory(tunnel.address), restarted(pod, restartCount)]);
    } finally {
      await tunnel.close();
    }
    const { lastState } = await restarted(pod, restartCount);
    assert.equal(lastState.terminated?.reason, 'OOMKilled');
    expectCuts(await seen('OOM kill'), fleet);
  });

  /** Waits until everybody is back, and reports what was seen. */
  async function seen(what: string): Promise<BreakSummary> {
    await fleet.untilWhole(60);
    const breaks = await fleet.newBreaks();
    figure(`${what}: clients saw`, describeBreaks(breaks, CLIENTS));
    return summarise(breaks);
  }

  /** Waits until the container runs again. */
  async function restarted(pod: string, restartsBefore: number): ReturnType<Release['container']> {
    return until(`${pod} being restarted`, 60, async () => {
      const container = await release.container(pod);
      return container.restartCount > restartsBefore && container.ready && container;
    });
  }
});

function expectGoodbyes({ count, codes, withoutBye, refusals, secondsLate }: BreakSummary, keeper: Timekeeper): void {
  assert.ok(count > 0);
  assert.deepEqual({ codes, withoutBye, refusals }, { codes: { 1001: count }, withoutBye: 0, refusals: {} });
  expectAtMost('seconds that a client was back later than asked for', quantile(secondsLate, 1), LATE_SECONDS, keeper);
}

/** Refusals are no fault here: until the kubelet has noticed, a third of the attempts find nobody. */
function expectCuts({ count, codes, secondsAway }: BreakSummary, keeper: Timekeeper): void {
  assert.ok(count > 0);
  assert.deepEqual(codes, { 1006: count });
  expectAtMost('seconds that a client was away', quantile(secondsAway, 1), BACK_SECONDS, keeper);
}
