import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { ALERTS } from '../../alerts/src/alerts.ts';
import type { ReceiverName } from '../../alerts/src/alertmanager.ts';
import type { Severity } from '../../alerts/src/rule.ts';
import { SLOS } from '../../alerts/src/slos.ts';
import type { NotifiedAlert } from '../../testkit/alertmanager.ts';
import { progress } from '../support/figures.ts';
import { until } from '../support/wait.ts';
import { NOTIFIED_SECONDS, type Bed, type Stand } from './bed.ts';
import type { Proof } from './proof.ts';
import { walk, type Walked } from './walk.ts';
import type { Told, WebhookReceiver } from './webhook-receiver.ts';

/** Longest wait for the notification that an alert fires, and for the one that it has ended. Seconds. */
const TOLD_SECONDS = { firing: 180, resolved: 240 } as const;

/** Who is told, by severity: the routes in alerts/src/alertmanager.ts. */
const RECEIVER_OF: Readonly<Record<Severity, ReceiverName>> = { critical: 'page', warning: 'ticket', info: 'info' };

/** What a proof showed: the way to the cause, and seconds from the fault, or from its end, to the notification at the receiver. */
export interface Proven extends Walked {
  readonly secondsToFire: number;
  readonly secondsToClear: number;
}

/**
 * Makes the fault, waits for the notification, goes from it to the cause, ends the fault, and waits for the end to be told.
 * @throws {Error} if either does not come, says the wrong thing, or if alerts are told of that the fault does not explain
 */
export async function prove(proof: Proof, bed: Bed, stand: Stand): Promise<Proven> {
  const { webhooks } = stand;
  const { name } = bed.release;
  assert.deepEqual(names(webhooks.told(name)), [], 'nobody was told of anything before the fault');
  try {
    const { alert, secondsToFire, walked } = await makeItFire(proof, bed, stand);
    const endAt = performance.now();
    await bed.endFault();
    const { received } = await untilTold(proof, name, 'resolved', webhooks, alert.fingerprint);
    expectNothingElse(webhooks.told(name), proof);
    return { secondsToFire, secondsToClear: between(endAt, received.at), ...walked };
  } finally {
    await bed.endFault();
    webhooks.forget(name);
  }
}

async function makeItFire(
  proof: Proof,
  bed: Bed,
  { webhooks, loki }: Stand,
): Promise<{ readonly alert: NotifiedAlert; readonly secondsToFire: number; readonly walked: Walked }> {
  const { name } = bed.release;
  progress(`${name}: ${proof.fault}`);
  const faultAt = performance.now();
  await bed.beginFault(proof.inject);
  const { alert, received } = await untilTold(proof, name, 'firing', webhooks);
  const secondsToFire = between(faultAt, received.at);
  progress(`${name}: told after ${secondsToFire} s: ${alert.annotations['description'] ?? ''}`);
  const [walked] = await Promise.all([
    walk(alert, proof.cause, loki),
    // What the same fault brings about beside it would be told of by then.
    delay(NOTIFIED_SECONDS * 1000),
  ]);
  progress(`${name}: steps to the cause: ${walked.steps}: ${walked.seen.join('; ')}`);
  await proof.whileFiring?.(bed);
  return { alert, secondsToFire, walked };
}

/**
 * Waits for a notification, and looks whether it is right.
 * @param fingerprint the one alert that it tells of: it also has those of its group that ended before
 */
async function untilTold(
  proof: Proof,
  release: string,
  status: NotifiedAlert['status'],
  webhooks: WebhookReceiver,
  fingerprint?: string,
): Promise<Told> {
  const isMeant = (alert: NotifiedAlert): boolean =>
    isOf(alert, proof) && alert.status === status && (fingerprint ?? alert.fingerprint) === alert.fingerprint;
  const told = await until(`${proof.alert} being told of as ${status}`, TOLD_SECONDS[status], () =>
    webhooks.told(release).find(({ alert }) => isMeant(alert)),
  );
  expectRight(told, proof);
  return told;
}

/** The notification came to the receiver of its severity, and says what is wrong, how to mend it, and where to look. */
function expectRight({ alert, received }: Told, { alert: name, severity, says }: Proof): void {
  const { summary, description = '', dashboard_url: dashboard = '' } = alert.annotations;
  assert.equal(received.receiver, RECEIVER_OF[severity]);
  assert.equal(received.notification.receiver.split('/').at(-1), RECEIVER_OF[severity]);
  assert.equal(received.notification.groupLabels['release'], received.release);
  assert.equal(summary, summaryOf(name));
  assert.match(description, says);
  assert.doesNotMatch(description, /<no value>|<nil>|NaN|Inf|\{\{|%!/);
  assert.match(alert.annotations['first_steps'] ?? '', /^1\. /);
  assert.ok(alert.annotations['runbook_command']?.endsWith(`-o jsonpath='{.data.${name}}'`));
  const { searchParams } = new URL(dashboard);
  assert.equal(searchParams.get('var-release'), received.release);
  assert.equal(searchParams.get('var-namespace'), alert.labels['namespace']);
}

function expectNothingElse(told: readonly Told[], proof: Proof): void {
  const { besides = [] } = proof;
  const others = told.filter(
    ({ alert: other }) => !isOf(other, proof) && !besides.includes(other.labels['alertname'] ?? ''),
  );
  assert.deepEqual(names(others), [], `only ${[proof.alert, ...besides].join(', ')} may be told of`);
}

function names(told: readonly Told[]): string[] {
  return [
    ...new Set(told.map(({ alert: { labels } }) => `${labels['alertname'] ?? ''} (${labels['severity'] ?? ''})`)),
  ];
}

function isOf({ labels }: NotifiedAlert, { alert, severity }: Proof): boolean {
  return labels['alertname'] === alert && labels['severity'] === severity;
}

function summaryOf(name: string): string | undefined {
  return ALERTS.find((each) => each.name === name)?.summary ?? SLOS.find(({ alert }) => alert === name)?.summary;
}

function between(from: number, to: number): number {
  return Math.round((to - from) / 100) / 10;
}
