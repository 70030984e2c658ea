import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { quantile } from '../../lib/quantile.ts';
import { describeBreaks, summarise } from '../support/breaks.ts';
import { figure } from '../support/figures.ts';
import { Fleet } from '../support/fleet.ts';
import { Namespace } from '../support/namespace.ts';
import { Release } from '../support/release.ts';
import { expectAtMost } from '../support/time-bound.ts';
import { secondsSince, until } from '../support/wait.ts';

const CLIENTS = 600;
const AGE_SECONDS = 20;
/** A pod has its share when it is within this part of the mean: three standard deviations of a random choice are 15 %. */
const EVEN = 0.25;
const LATE_SECONDS = 2;

describe(`scaling with ${CLIENTS} clients and a maximum connection age of ${AGE_SECONDS} s`, () => {
  let namespace: Namespace;
  let release: Release;
  let fleet: Fleet;

  before(async () => {
    namespace = await Namespace.create('scaling');
    release = await Release.install(namespace, 'demo', {
      config: { maxConnectionAgeSeconds: AGE_SECONDS, finalScrapeWaitSeconds: 0 },
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

  test('from 1 pod to 3: the new ones fill as connections reach their age', async () => {
    const began = performance.now();
    await release.scale(3);
    await until('three pods being ready', 60, async () => (await readyPods(release)).length === 3);
    const readyAfter = secondsSince(began);
    const atFirst = await connectionsByPod(release);
    const shares = await until('each pod having its share', 3 * AGE_SECONDS, async () => {
      const now = await connectionsByPod(release);
      return now.every((count) => Math.abs(count - CLIENTS / 3) <= (CLIENTS / 3) * EVEN) && now;
    });
    const evenAfter = secondsSince(began);
    await fleet.untilWhole(30);
    const inTheEnd = await connectionsByPod(release);
    figure('1 to 3 pods: new ones ready', `${readyAfter} s: ${atFirst.join(', ')} connections`);
    figure('1 to 3 pods: even', `${evenAfter} s: ${shares.join(', ')}`, `each within ${EVEN * 100} % of the mean`);
    figure('1 to 3 pods: everybody back', `${secondsSince(began)} s: ${inTheEnd.join(', ')}`);
    const breaks = await fleet.newBreaks();
    figure('1 to 3 pods: clients saw', describeBreaks(breaks, CLIENTS));
    const { codes, withoutBye, refusals, secondsLate } = summarise(breaks);
    assert.deepEqual({ codes, withoutBye, refusals }, { codes: { 1001: breaks.length }, withoutBye: 0, refusals: {} });
    expectAtMost('seconds that a client was back later than asked for', quantile(secondsLate, 1), LATE_SECONDS, fleet);
    const ages = breaks.map(({ openedAt, closedAt }) => (closedAt - openedAt) / 1000).sort((a, b) => a - b);
    figure(
      'age of the connections closed',
      `${ages[0]?.toFixed(1) ?? ''} to ${ages.at(-1)?.toFixed(1) ?? ''} s`,
      `${AGE_SECONDS} s, give or take 10 %`,
    );
    // Ages are looked at once a second, and the client's clock begins a moment after the service's.
    assert.ok((ages[0] ?? 0) >= AGE_SECONDS * 0.9 - 0.5 && (ages.at(-1) ?? Infinity) <= AGE_SECONDS * 1.1 + 3);
  });

  test('from 3 pods to 1: everybody is told goodbye and comes back to the one that is left', async () => {
    const before = await release.podNames();
    const began = performance.now();
    await release.scale(1);
    await until('two pods going', 30, async () => (await release.podNames()).length === 1);
    const left = await release.podNames();
    await release.untilGone(before.filter((pod) => !left.includes(pod)));
    await fleet.untilWhole(30);
    const breaks = await fleet.newBreaks();
    figure('3 to 1 pods: one pod left, everybody back', `${secondsSince(began)} s`);
    figure('3 to 1 pods: clients saw', describeBreaks(breaks, CLIENTS));
    const { codes, withoutBye, refusals, secondsLate } = summarise(breaks);
    assert.deepEqual({ codes, withoutBye, refusals }, { codes: { 1001: breaks.length }, withoutBye: 0, refusals: {} });
    expectAtMost('seconds that a client was back later than asked for', quantile(secondsLate, 1), LATE_SECONDS, fleet);
  });
});

/** Names of the pods that are ready. */
async function readyPods(release: Release): Promise<readonly string[]> {
  const pods = await release.pods();
  return pods
    .filter(({ status }) => status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'))
    .map(({ metadata }) => metadata.name);
}

async function connectionsByPod(release: Release): Promise<readonly number[]> {
  const scrapes = await Promise.all((await release.podNames()).map((pod) => release.metrics(pod)));
  return scrapes.map((scrape) => scrape.value('websocket_active_connections')).sort((a, b) => b - a);
}
