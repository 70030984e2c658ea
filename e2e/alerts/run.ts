#!/usr/bin/env node
/**
 * `npm run e2e:alerts`: proves every alert on the cluster that KUBECONFIG names, the way a page takes: a fault, the Prometheus
 * and the Alertmanager of the operator, a webhook; the way from the notification to the cause; then the end of the fault, and the end being told. A run without a fault
 * follows, in which nobody may be told of anything. It closes with a table, and keeps it in .cache/e2e/alerts.json.
 *
 *   npm run e2e:alerts -- WebsocketDrainSlow WebsocketRestarting   the named alerts alone
 *   npm run e2e:alerts -- healthy --minutes 20                     the run without a fault alone
 *   npm run e2e:alerts -- --release demo --namespace chat          what it would do to a release that is in use; --yes does it
 *
 * Exit status: 0 if everything is proven, 1 if not, 2 if there is no cluster to run on or an argument is wrong.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { positiveNumber, program } from '../../lib/program.ts';
import { Loki } from '../../testkit/loki.ts';
import { missingPart } from '../support/cluster.ts';
import { progress } from '../support/figures.ts';
import { Namespace } from '../support/namespace.ts';
import { secondsSince } from '../support/wait.ts';
import { Bed, hostAddress, type Stand } from './bed.ts';
import { runHealthy, type HealthyRun } from './healthy.ts';
import { LAST_RESULTS } from './kept.ts';
import { inLanes } from './lanes.ts';
import { OnRelease, type ReleaseOptions } from './on-release.ts';
import type { Proof } from './proof.ts';
import { PROOFS } from './proofs.ts';
import { prove } from './prove.ts';
import { healthyLines, isWell, proofTable, results, walkTable, type Verdict } from './report.ts';
import { WebhookReceiver } from './webhook-receiver.ts';

/** How many releases are installed, and how many faults are made, at a time: what two cores carry. */
const INSTALLATIONS = 3;
const FAULTS = 7;
const HEALTHY = 'healthy';

const startedAt = performance.now();
const { proofs, minutes, onRelease } = wanted();
const missing = await missingPart();
if (missing !== undefined) refuse(missing);
if (onRelease !== undefined) process.exit(await proveOnRelease(onRelease));
const host = await hostAddress();
const webhooks = await WebhookReceiver.start();
const verdicts =
  proofs.length === 0
    ? []
    : await withLoki((loki) => inNamespace('alerts', (namespace) => proveAll(namespace, { webhooks, loki, host })));
const healthy = minutes === undefined ? undefined : await inNamespace('healthy', tryHealthy(minutes));
const found = results(verdicts, healthy?.result, secondsSince(startedAt));
mkdirSync(dirname(LAST_RESULTS), { recursive: true });
writeFileSync(LAST_RESULTS, `${JSON.stringify(found, undefined, 2)}\n`);
for (const { proof, problem } of verdicts) if (problem !== undefined) console.log(`\n${proof.alert}: ${problem}`);
if (verdicts.length > 0)
  console.log(
    `\n${proofTable(found.alerts)}\n\n${walkTable(found.alerts)}\n\nalerts proven: ${found.proven} / ${found.all}`,
  );
if (healthy?.result !== undefined) console.log(`\n${healthyLines(healthy.result)}`);
if (healthy?.problem !== undefined) console.log(`\nhealthy run: ${healthy.problem}`);
const well = isWell(found) && healthy?.problem === undefined;
console.log(`\n${well ? 'OK' : 'NOT OK'} in ${Math.round(found.seconds)} s`);
await webhooks.close();
process.exit(well ? 0 : 1);

async function withLoki<T>(work: (loki: Loki) => Promise<T>): Promise<T> {
  const loki = await Loki.start('', 'low', '0.0.0.0');
  try {
    return await work(loki);
  } finally {
    await loki.remove();
  }
}

/**
 * Works in a namespace that is deleted afterwards. Its name is new each time: Alertmanager remembers for a while what it told of
 * another run.
 */
async function inNamespace<T>(what: string, work: (namespace: Namespace) => Promise<T>): Promise<T> {
  const namespace = await Namespace.create(`${what}-${Date.now().toString(36)}`);
  const interrupted = (): void => {
    void namespace.delete().finally(() => process.exit(130));
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupted);
  try {
    return await work(namespace);
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupted);
    await namespace.delete();
  }
}

function tryHealthy(length: number): (namespace: Namespace) => Promise<Attempt<HealthyRun>> {
  return (namespace) => attempt(() => runHealthy(length, namespace, webhooks, host));
}

/** What the arguments ask for. Ends the process where one is wrong. */
function wanted(): {
  readonly proofs: readonly Proof[];
  readonly minutes: number | undefined;
  readonly onRelease?: OnRelease;
} {
  const command = program('npm run e2e:alerts --', 'Proves every alert on the cluster that KUBECONFIG names.')
    .argument('[alerts...]', `the alerts to prove, and ${HEALTHY} for the run without a fault; all if none is named`)
    .option(
      '--minutes <n>',
      'length of the run without a fault; longest wait for an alert of --release',
      positiveNumber,
      20,
    )
    .option('--release <name>', 'prove them on this release, which is in use; without --yes it says what it would do')
    .option('--namespace <name>', 'the namespace of --release', 'default')
    .option('--url <url>', "the release's WebSocket endpoint; its NodePort if not given")
    .option('--yes', 'do it: make the faults to --release', false)
    .parse();
  const { minutes: length, ...options } = command.opts<Omit<ReleaseOptions, 'release'> & { release?: string }>();
  if (options.release !== undefined)
    try {
      const onRelease = new OnRelease({ ...options, release: options.release, minutes: length }, command.args);
      return { proofs: [], minutes: undefined, onRelease };
    } catch (error) {
      command.error((error as Error).message);
    }
  const unknown = command.args.filter((name) => name !== HEALTHY && !PROOFS.some(({ alert }) => alert === name));
  if (unknown.length > 0)
    command.error(
      `there is no alert ${unknown.join(', ')}; there are ${PROOFS.map(({ alert }) => alert).join(', ')}, and ${HEALTHY}`,
    );
  const all = command.args.length === 0;
  return {
    proofs: PROOFS.filter(({ alert }) => all || command.args.includes(alert)),
    minutes: all || command.args.includes(HEALTHY) ? length : undefined,
  };
}

/** @returns the exit status */
async function proveOnRelease(onRelease: OnRelease): Promise<number> {
  await onRelease.check().catch((error: unknown) => refuse((error as Error).message));
  console.log(onRelease.plan);
  if (!onRelease.confirmed) return 0;
  const rows = await onRelease.run();
  return rows.every(({ problem }) => problem === undefined) ? 0 : 1;
}

function refuse(problem: string): never {
  console.error(`e2e:alerts: ${problem}`);
  process.exit(2);
}

/** Installs every release, waits until all are watched, and makes the faults. What fails in one proof does not end the others. */
async function proveAll(namespace: Namespace, stand: Stand): Promise<readonly Verdict[]> {
  const alerts = [...Map.groupBy(proofs, ({ alert }) => alert).values()];
  const made = await inLanes(INSTALLATIONS, alerts, ([proof]) => attempt(() => makeBed(proof!, namespace, stand)));
  const watched = await Promise.all(
    made.map(async ({ result: bed }) => bed && attempt(() => bed.untilWatchedAndWell(webhooks))),
  );
  progress(`the releases are watched, after ${secondsSince(startedAt)} s`);
  const verdicts = await inLanes(FAULTS, [...alerts.entries()], async ([index, tiers]) => {
    const bed = made[index]?.result;
    const problem = made[index]?.problem ?? watched[index]?.problem;
    if (bed === undefined || problem !== undefined) return tiers.map((proof) => ({ proof, problem: problem ?? '' }));
    return proveOn(bed, tiers, stand);
  });
  return verdicts.flat();
}

async function makeBed(proof: Proof, namespace: Namespace, stand: Stand): Promise<Bed> {
  const bed = await Bed.make(proof, namespace, stand);
  await proof.prepare?.(bed);
  return bed;
}

/** Proves the tiers of an alert on its release, one after the other. */
async function proveOn(bed: Bed, tiers: readonly Proof[], stand: Stand): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const [index, proof] of tiers.entries()) {
    const { result: proven, problem } = await attempt(async () => {
      // What the tier before brought about must be over.
      if (index > 0) await bed.untilWatchedAndWell(webhooks);
      return prove(proof, bed, stand);
    });
    if (problem !== undefined) progress(`${bed.release.name}: NOT PROVEN: ${problem}`);
    verdicts.push({ proof, ...(proven === undefined ? { problem: problem ?? '' } : { proven }) });
  }
  await attempt(() => bed.end());
  return verdicts;
}

interface Attempt<T> {
  readonly result?: T;
  readonly problem?: string;
}

async function attempt<T>(work: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { result: await work() };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}
