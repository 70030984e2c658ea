import { setTimeout as delay } from 'node:timers/promises';
import { describeBreaks } from '../support/breaks.ts';
import { drainNode } from '../support/drain-node.ts';
import { progress } from '../support/figures.ts';
import { Fleet } from '../support/fleet.ts';
import type { Namespace } from '../support/namespace.ts';
import { Release } from '../support/release.ts';
import { secondsSince } from '../support/wait.ts';
import { HURRIED_ROUTING, makeReceivers, NOTIFIED_SECONDS, untilWatched } from './bed.ts';
import { Prometheus } from '../support/prometheus.ts';
import type { WebhookReceiver } from './webhook-receiver.ts';

const NAME = 'healthy';
const PODS = 2;
const CLIENTS = 500;
/** Time for one step and the rest after it, in a run that is long enough. Seconds. */
const STEP_SECONDS = 150;

/** What a service in good order goes through. */
const STEPS = {
  rollout: async (release: Release) => {
    await release.restart();
    await release.ready();
  },
  'scale up': (release: Release) => scale(release, PODS + 1),
  'scale down': (release: Release) => scale(release, PODS),
  'node drain': async (release: Release) => {
    await drainNode(release);
    await release.ready();
  },
} as const;

type Step = keyof typeof STEPS;

/** Two rollouts are in the shortest run. */
const LEAST_STEPS: readonly Step[] = ['rollout', 'scale up', 'scale down', 'node drain', 'rollout'];

/** What was seen of a service that nothing was wrong with. */
export interface HealthyRun {
  readonly minutes: number;
  readonly clients: number;
  /** How often each step was taken. */
  readonly steps: Readonly<Partial<Record<Step, number>>>;
  /** Alerts that somebody was told of: each is a false one. */
  readonly told: readonly string[];
  /** Alerts whose condition was true for a while, yet shorter than their `for`. */
  readonly pending: readonly string[];
  /** What clients saw. */
  readonly breaks: string;
}

/**
 * Runs the chart with the thresholds and times that it has by default, under clients that send all the time, and takes
 * it through rollouts, scalings and node drains.
 */
export async function runHealthy(
  minutes: number,
  namespace: Namespace,
  webhooks: WebhookReceiver,
  host: string,
): Promise<HealthyRun> {
  const release = await Release.install(namespace, NAME, {
    replicaCount: PODS,
    alertRouting: HURRIED_ROUTING,
    ...(await makeReceivers(namespace, NAME, webhooks, host)),
  });
  await untilWatched(release, PODS);
  const fleet = await Fleet.start(await release.url(), { clients: CLIENTS });
  try {
    const startedAt = performance.now();
    const steps = stepsOf(minutes);
    const endOf = (index: number): number => startedAt + ((index + 1) / steps.length) * minutes * 60_000;
    for (const [index, step] of steps.entries()) {
      progress(`${NAME}: ${step}, after ${secondsSince(startedAt)} s`);
      await STEPS[step](release);
      await fleet.untilWhole(60);
      await delay(Math.max(0, endOf(index) - performance.now()));
    }
    await delay(NOTIFIED_SECONDS * 1000);
    const seconds = Math.ceil(secondsSince(startedAt));
    return {
      minutes: Math.round(seconds / 6) / 10,
      clients: CLIENTS,
      steps: tally(steps),
      told: webhooks.told(NAME).map(({ alert }) => `${alert.labels['alertname'] ?? ''} ${alert.status}`),
      pending: await pendingAlerts(release, seconds),
      breaks: describeBreaks(await fleet.newBreaks(), CLIENTS),
    };
  } finally {
    await fleet.stop();
  }
}

function stepsOf(minutes: number): readonly Step[] {
  const count = Math.max(LEAST_STEPS.length, Math.floor((minutes * 60) / STEP_SECONDS));
  const cycle = LEAST_STEPS.slice(0, -1);
  return Array.from({ length: count }, (_, index) => cycle[index % cycle.length] ?? 'rollout');
}

async function pendingAlerts({ namespace, name }: Release, seconds: number): Promise<readonly string[]> {
  const series = `ALERTS{namespace="${namespace}", release="${name}", alertstate="pending"}`;
  const found = await new Prometheus().query(`count by (alertname) (count_over_time(${series}[${seconds}s]))`);
  return found.map(({ metric }) => metric['alertname'] ?? '').sort();
}

async function scale(release: Release, replicas: number): Promise<void> {
  await release.scale(replicas);
  await release.ready();
}

function tally(steps: readonly Step[]): Partial<Record<Step, number>> {
  const counts: Partial<Record<Step, number>> = {};
  for (const step of steps) counts[step] = (counts[step] ?? 0) + 1;
  return counts;
}
