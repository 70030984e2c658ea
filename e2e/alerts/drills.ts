import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'yaml';
import { apply } from '../support/commands.ts';
import { progress } from '../support/figures.ts';
import { secondsSince, until } from '../support/wait.ts';
import type { Bed, Ending } from './bed.ts';
import type { Proof } from './proof.ts';
import { PROOFS } from './proofs.ts';
import type { Proven } from './prove.ts';
import type { Walked } from './walk.ts';

/** A fault that can be made to any release, whatever its values are, without access to its nodes. */
export interface Drill extends Pick<Proof, 'alert' | 'severity' | 'fault' | 'prepare' | 'inject'> {
  /** What others notice of it, for the one who has to decide. */
  readonly noticed: string;
}

/** The drills, the gentle ones first. */
export const DRILLS: readonly Drill[] = [
  drillOf('WebsocketReconnectStorm', 'nothing but 25 connections a second'),
  drillOf('WebsocketErrorRatioHigh', 'nothing but 10 clients and 5 connections a second'),
  drillOf('WebsocketRolloutStuck', 'nothing, if the strategy allows no pod to be unavailable; a rollout at the end'),
  drillOf('WebsocketDrainCutClients', 'the clients of one pod reconnect'),
  {
    alert: 'WebsocketServiceDown',
    severity: 'critical',
    fault: 'a quota allows the namespace no new pods, and those of the service are deleted',
    noticed:
      'an outage: every client is cut and refused until the alert fires; nothing else in the namespace can start',
    inject: forbidPods,
  },
];

const QUOTA = 'alert-drill';

/**
 * Makes the fault, waits until Alertmanager has the alert, ends the fault, and waits until Alertmanager has it no longer.
 * @param minutes longest wait for either
 * @throws {Error} if it fires already, or if either does not come
 */
export async function runDrill(
  { alert, severity, fault, prepare, inject }: Drill,
  bed: Bed,
  minutes: number,
): Promise<Omit<Proven, keyof Walked>> {
  const { name, namespace } = bed.release;
  const fires = async (): Promise<boolean> =>
    (await bed.alertmanager.alerts(namespace, name)).some(
      ({ labels }) => labels['alertname'] === alert && labels['severity'] === severity,
    );
  if (await fires()) throw new Error('it fires already, before the fault');
  try {
    await prepare?.(bed);
    progress(`${alert}: ${fault}`);
    const faultAt = performance.now();
    await bed.beginFault(inject);
    await until(`${alert} firing`, minutes * 60, fires);
    const secondsToFire = secondsSince(faultAt);
    progress(`${alert}: fires after ${secondsToFire} s`);
    const endAt = performance.now();
    await bed.endFault();
    await until(`${alert} being over`, minutes * 60, async () => !(await fires()));
    return { secondsToFire, secondsToClear: secondsSince(endAt) };
  } finally {
    await bed.endFault();
    await bed.end();
  }
}

function drillOf(alert: string, noticed: string): Drill {
  const proof = PROOFS.find((each) => each.alert === alert);
  if (proof === undefined) throw new Error(`there is no proof of ${alert}`);
  return { ...proof, noticed };
}

async function forbidPods({ release }: Bed): Promise<Ending> {
  const metadata = { name: QUOTA, namespace: release.namespace };
  await apply(stringify({ apiVersion: 'v1', kind: 'ResourceQuota', metadata, spec: { hard: { pods: '0' } } }));
  // Its controller has to count the pods first; until then it allows them.
  await delay(2000);
  const pods = await release.podNames();
  await release.kubectl('delete', 'pod', '--grace-period=0', '--force', ...pods);
  return async () => {
    await release.kubectl('delete', 'resourcequota', QUOTA);
    // The Deployment's controller has backed off by then.
    await release.restart();
    await release.ready();
  };
}
