import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '../../testkit/client.ts';
import { describeBreaks, summarise } from '../support/breaks.ts';
import { figure } from '../support/figures.ts';
import { Fleet } from '../support/fleet.ts';
import { Namespace } from '../support/namespace.ts';
import { PodLog, type LogLine } from '../support/pod-log.ts';
import { Release } from '../support/release.ts';
import { Tunnel } from '../support/tunnel.ts';
import { until } from '../support/wait.ts';

/** The chart's defaults. */
const MIN_SECONDS = 5;
const QUIET_SECONDS = 2;
const MAX_SECONDS = 20;
/** How long clients keep arriving at the pod that waits for them to stop. */
const ARRIVALS_SECONDS = 9;
const ARRIVAL_INTERVAL_MS = 400;
/** The kubelet takes a moment to begin, and arrivals are some time apart. */
const SLACK_SECONDS = 1.5;
/** Timers, and timestamps of lines that are written a moment later. */
const TIMER_SECONDS = 0.2;
const CLIENTS = 100;

describe('the preStop hook', () => {
  let namespace: Namespace;
  let release: Release;

  before(async () => {
    namespace = await Namespace.create('prestop');
    release = await Release.install(namespace, 'demo', {
      replicaCount: 3,
      minReadySeconds: 0,
      config: { finalScrapeWaitSeconds: 0 },
    });
  });
  afterEach(async (context) => {
    if ('passed' in context && !context.passed) await namespace.describe();
  });
  after(async () => {
    await namespace.delete();
  });

  test('returns at its lower bound without arrivals, waits for them to stop, and gives up at its upper bound', async () => {
    const [alone = '', busy = '', neverQuiet = ''] = await release.podNames();
    const tunnels = await Promise.all([busy, neverQuiet].map((pod) => Tunnel.open(release, pod)));
    const [toBusy, toNeverQuiet] = tunnels as [Tunnel, Tunnel];
    const logs = [alone, busy, neverQuiet].map((pod) => new PodLog(release, pod));
    const open = await Client.open(toBusy.url);
    try {
      await release.kubectl('delete', 'pod', alone, busy, neverQuiet, '--wait=false');
      const [ofAlone, ofBusy, ofNeverQuiet] = await Promise.all([
        ...(logs.map(hookOf) as [Promise<Hook>, Promise<Hook>, Promise<Hook>]),
        arrive(toBusy, ARRIVALS_SECONDS),
        arrive(toNeverQuiet, MAX_SECONDS + SLACK_SECONDS, true),
      ]);

      figure('hook without arrivals', describeHook(ofAlone), `${MIN_SECONDS} s`);
      assert.equal(ofAlone.endedBy, 'quiet');
      expectBetween(ofAlone.waitedSeconds, MIN_SECONDS, MIN_SECONDS + SLACK_SECONDS);

      figure(
        'hook with arrivals that stop',
        `${describeHook(ofBusy)}, ${ofBusy.quietSeconds.toFixed(2)} s after the last one`,
        `${QUIET_SECONDS} s after`,
      );
      assert.equal(ofBusy.endedBy, 'quiet');
      expectBetween(
        ofBusy.waitedSeconds,
        MIN_SECONDS + SLACK_SECONDS,
        ARRIVALS_SECONDS + QUIET_SECONDS + SLACK_SECONDS,
      );
      expectBetween(ofBusy.quietSeconds, QUIET_SECONDS - TIMER_SECONDS, QUIET_SECONDS + TIMER_SECONDS);

      figure('hook with arrivals that do not stop', describeHook(ofNeverQuiet), `${MAX_SECONDS} s`);
      assert.equal(ofNeverQuiet.endedBy, 'limit');
      expectBetween(ofNeverQuiet.waitedSeconds, MAX_SECONDS, MAX_SECONDS + SLACK_SECONDS);

      assert.equal((await open.bye()).total, 0);
      assert.equal((await open.closed).code, 1001);
      for (const hook of [ofAlone, ofBusy, ofNeverQuiet])
        assert.ok(
          hook.signalledAfter >= hook.waitedSeconds - TIMER_SECONDS,
          'SIGTERM comes when the hook has returned',
        );
    } finally {
      for (const log of logs) log.close();
      await Promise.all(tunnels.map((tunnel) => tunnel.close()));
    }
  });

  test('takes the pod out of the Service at once, while new connections and open ones are served on', async () => {
    await release.ready();
    const [pod = ''] = await release.podNames();
    const tunnel = await Tunnel.open(release, pod);
    const log = new PodLog(release, pod);
    try {
      const open = await Client.open(tunnel.url);
      assert.equal(await open.count(), 1);
      await release.kubectl('delete', 'pod', pod, '--wait=false');
      await log.event('drain_started');
      const answer = await fetch(`${tunnel.httpUrl}/readyz/`);
      assert.equal(answer.status, 503);
      assert.equal(((await answer.json()) as { shutting_down: boolean }).shutting_down, true);
      assert.equal((await fetch(`${tunnel.httpUrl}/healthz/`)).status, 200);
      const late = await Client.open(tunnel.url);
      assert.equal(await late.count(), 1);
      assert.equal(await open.count(), 2);
      const ready = await release.kubectl(
        'get',
        'endpointslices',
        `--selector=kubernetes.io/service-name=${release.fullName}`,
        `--output=jsonpath={.items[*].endpoints[?(@.conditions.ready==true)].targetRef.name}`,
      );
      assert.ok(!ready.split(' ').includes(pod), `${pod} is ready in the Service`);
      assert.equal((await open.bye()).total, 2);
      assert.equal((await open.closed).code, 1001);
      assert.equal((await late.closed).code, 1001);
    } finally {
      log.close();
      await tunnel.close();
    }
  });

  test('that is broken is reported, and the drain works all the same', async () => {
    await release.upgrade({ preStopHook: { command: ['/nodejs/bin/node', 'dist/service/src/no-such-hook.js'] } });
    const fleet = await Fleet.start(await release.url(), { clients: CLIENTS });
    try {
      const [pod = ''] = await release.podNames();
      await release.kubectl('delete', 'pod', pod);
      await fleet.untilWhole(60);
      const breaks = await fleet.newBreaks();
      figure('broken hook: clients saw', describeBreaks(breaks, CLIENTS), '1001 with a bye');
      const { count, codes, withoutBye } = summarise(breaks);
      assert.ok(count > 0);
      assert.deepEqual({ codes, withoutBye }, { codes: { 1001: count }, withoutBye: 0 });
      await until(
        'an event that tells of the hook',
        30,
        async () => (await release.events('FailedPreStopHook')).length > 0,
      );
    } finally {
      await fleet.stop();
    }
  });
});

interface Hook {
  readonly waitedSeconds: number;
  readonly endedBy: string;
  /** Seconds from the last arrival to the hook's return; NaN if nobody arrived. */
  readonly quietSeconds: number;
  /** Seconds from the hook's start to SIGTERM. */
  readonly signalledAfter: number;
}

/** What a pod's log tells of its hook, once the process has ended: by itself, not by SIGKILL at the end of its grace. */
async function hookOf(log: PodLog): Promise<Hook> {
  const started = await log.event('drain_started');
  assert.equal(started['reason'], 'prestop');
  const finished = await log.event('drain_hook_finished');
  const closing = await log.event('drain_closing');
  assert.equal((await log.event('service_stopped'))['status'], 0);
  const arrivals = log.seen('websocket_connected').filter(({ timestamp }) => timestamp <= finished.timestamp);
  return {
    waitedSeconds: finished['waited_seconds'] as number,
    endedBy: finished['ended_by'] as string,
    quietSeconds: arrivals.length === 0 ? NaN : secondsBetween(arrivals.at(-1) as LogLine, finished),
    signalledAfter: secondsBetween(started, closing),
  };
}

function secondsBetween(from: LogLine, to: LogLine): number {
  return (Date.parse(to.timestamp) - Date.parse(from.timestamp)) / 1000;
}

/**
 * Connects to a pod again and again.
 * @param mayBeRefused whether it goes on until after the drain has begun to close
 */
async function arrive(tunnel: Tunnel, seconds: number, mayBeRefused = false): Promise<void> {
  const startedAt = performance.now();
  const elapsed = (): number => (performance.now() - startedAt) / 1000;
  while (elapsed() < seconds) {
    try {
      const client = await Client.open(tunnel.url);
      client.socket.close(1000);
    } catch (error) {
      if (!mayBeRefused || elapsed() < MAX_SECONDS - SLACK_SECONDS) throw error;
    }
    await delay(ARRIVAL_INTERVAL_MS);
  }
}

function describeHook({ waitedSeconds, endedBy }: Hook): string {
  return `returned after ${waitedSeconds} s (${endedBy})`;
}

function expectBetween(value: number, least: number, most: number): void {
  assert.ok(value >= least && value <= most, `${value} s is not between ${least} s and ${most} s`);
}
