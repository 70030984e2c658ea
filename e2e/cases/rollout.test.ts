import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { quantile } from '../../lib/quantile.ts';
import { describeBreaks, groupByTime, mostInOneSecond, seconds, summarise } from '../support/breaks.ts';
import type { Break } from '../../loadtest/src/tally.ts';
import { figure, progress } from '../support/figures.ts';
import { Fleet } from '../support/fleet.ts';
import { Namespace } from '../support/namespace.ts';
import { Prometheus } from '../support/prometheus.ts';
import { Release } from '../support/release.ts';
import { expectAtMost } from '../support/time-bound.ts';
import { secondsSince, until } from '../support/wait.ts';

const CLIENTS = 2000;
const PODS = 2;
/** The chart's defaults, which the bounds come from. */
const SPREAD_SECONDS = 5;
const LATE_SECONDS = 2;
/**
 * Clients come back at random moments: the busiest second has more than the mean. Without a spread it would have more than
 * twice the mean, for their own delays are up to 3 s alone.
 */
const UNEVENNESS = 1.6;
/** Closes of one drain are never as far apart, and drains of a rollout always are. */
const DRAIN_GAP_SECONDS = 2;

describe(`a rollout under the load of ${CLIENTS} clients that send all the time`, () => {
  const prometheus = new Prometheus();
  const drainedPods: string[] = [];
  const allBreaks: Break[] = [];
  let startedAt = 0;
  let namespace: Namespace;
  let release: Release;
  let fleet: Fleet;

  before(async () => {
    namespace = await Namespace.create('rollout');
    release = await Release.install(namespace, 'demo', { replicaCount: PODS });
    progress('waiting until Prometheus scrapes every pod');
    await until('Prometheus scraping every pod', 150, async () => {
      const scraped = await prometheus.query(`up{namespace="${namespace.name}"} == 1`);
      return scraped.length === PODS;
    });
    startedAt = performance.now();
    fleet = await Fleet.start(await release.url(), { clients: CLIENTS });
    progress(`${CLIENTS} clients are connected`);
  });
  afterEach(async (context) => {
    if ('passed' in context && !context.passed) await namespace.describe();
  });
  after(async () => {
    await fleet.stop();
    await namespace.delete();
  });

  for (const round of ['first', 'second'])
    test(`the ${round} one closes every client once or twice with 1001, refuses none, and all come back in time`, async () => {
      const before = await release.podNames();
      const began = performance.now();
      await release.restart();
      await release.ready();
      const rolledOut = secondsSince(began);
      await release.untilGone(before);
      drainedPods.push(...before);
      await fleet.untilWhole(30);
      const breaks = await fleet.newBreaks();
      allBreaks.push(...breaks);
      figure(`${round} rollout: new pods ready, old ones gone`, `${rolledOut} s, ${secondsSince(began)} s`);
      figure(`${round} rollout: clients saw`, describeBreaks(breaks, CLIENTS));
      const { codes, withoutBye, refusals, away, secondsLate } = summarise(breaks);
      assert.ok(breaks.length >= CLIENTS, 'every client was on an old pod');
      assert.deepEqual(codes, { 1001: breaks.length });
      assert.deepEqual({ withoutBye, refusals, away }, { withoutBye: 0, refusals: {}, away: 0 });
      const latest = quantile(secondsLate, 1);
      figure(
        `${round} rollout: back later than asked for`,
        `p99 ${seconds(quantile(secondsLate, 0.99))}, most ${seconds(latest)}`,
        `at most ${LATE_SECONDS} s`,
      );
      expectAtMost('seconds that a client was back later than asked for', latest, LATE_SECONDS, fleet);
    });

  test('clients come back no faster than the spread lets them', () => {
    for (const drain of groupByTime(allBreaks, DRAIN_GAP_SECONDS)) {
      const bound = Math.ceil((drain.length / SPREAD_SECONDS) * UNEVENNESS);
      const most = mostInOneSecond(drain.map(({ reopenedAt }) => reopenedAt ?? NaN));
      figure(`reconnects of ${drain.length} clients`, `${most} in the busiest second`, `at most ${bound}`);
      expectAtMost(`reconnects of ${drain.length} clients in the busiest second`, most, bound, fleet);
    }
  });

  test('Prometheus saw the drain of every old pod to its end', async () => {
    assert.equal(drainedPods.length, 2 * PODS);
    for (const pod of drainedPods) {
      const labels = `namespace="${namespace.name}", pod="${pod}"`;
      const last = (metric: string, more = ''): Promise<number | undefined> =>
        prometheus.value(`last_over_time(${metric}{${labels}${more}}[15m])`);
      const shutdown = (await last('websocket_shutdown_time_seconds')) ?? 0;
      const closed = await last('websocket_drain_connections_total', ', outcome="closed"');
      figure(`drain of ${pod}`, `${seconds(shutdown)}, ${closed ?? 0} clients closed`, 'seen by Prometheus');
      assert.ok(shutdown > 0);
      assert.equal(await last('websocket_active_connections'), 0);
    }
  });
  test('every sample of up was 1, from the first scrape of a pod to the end of its drain', async () => {
    const range = `${Math.ceil(secondsSince(startedAt))}s`;
    const series = await prometheus.query(`up{namespace="${namespace.name}"}[${range}]`);
    const pods = series.map(({ metric }) => metric['pod'] ?? '');
    for (const pod of drainedPods) assert.ok(pods.includes(pod), `Prometheus never scraped ${pod}`);
    const samples = series.flatMap(({ metric, samples }) =>
      samples.map(([at, up]) => ({ pod: metric['pod'], at, up })),
    );
    figure('samples of up', `${samples.length} of ${pods.length} pods`, 'each is 1');
    assert.deepEqual(
      samples.filter(({ up }) => up !== 1),
      [],
    );
  });

  test('no probe failed a pod while it drained', async () => {
    assert.deepEqual(
      (await release.events('Unhealthy')).filter((message) => /liveness/i.test(message)),
      [],
    );
    for (const { status } of await release.pods()) assert.equal(status.containerStatuses?.[0]?.restartCount, 0);
  });
});
