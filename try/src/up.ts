import { join } from 'node:path';
import { VERSION } from '../../lib/version.ts';
import { obstacles, onPath, TOOL_CACHE } from '../../scripts/tools.ts';
import { takeDown } from './down.ts';
import { LABEL, RELEASE } from './names.ts';
import { pagerManifests } from './pager.ts';
import { platform, type Platform, type PlatformName } from './platforms.ts';
import { Problem } from './problem.ts';
import { untilReady } from './readiness.ts';
import { KUBECONFIG, LOG, readRecord, writeRecord, type TrialRecord } from './record.ts';
import { lastLine } from '../../lib/last-line.ts';
import { Runner } from './runner.ts';

const OLDEST_HELM = 3;
const ROOT = join(import.meta.dirname, '..', '..');

/** What a trial needs to know. */
export interface UpOptions {
  readonly on: PlatformName;
  /** Current context of the user's kubeconfig. */
  readonly context: string;
  readonly namespace: string;
  readonly registry?: string | undefined;
  /** Interrupts it. */
  readonly signal: AbortSignal;
}

/** A trial that is up. */
export interface Trial {
  readonly place: Platform;
  readonly runner: Runner;
}

/**
 * Makes the cluster where it has to, builds the image, installs the chart with its stack, and waits until all is ready. What
 * it made is removed if it fails or is interrupted.
 * @throws {Problem}
 */
export async function bringUp({ signal, ...options }: UpOptions): Promise<Trial> {
  const earlier = readRecord();
  if (earlier !== undefined && (earlier.on !== options.on || earlier.namespace !== options.namespace))
    throw new Problem(
      `A trial is up already, on ${earlier.on} in namespace ${earlier.namespace}: npm run try -- --down first`,
    );
  const place = platform(options.on, { ...options, kubeconfig: KUBECONFIG, testbed: TOOL_CACHE });
  const runner = new Runner(place, options.namespace, LOG, signal);
  console.log(`── on ${place.label}`);
  await provideClients(runner);
  const isUp = place.probe === undefined || (await runner.has(place.probe));
  if (isUp) await checkCluster(runner, place, options.namespace);
  const record: TrialRecord = { ...options, started: earlier?.started ?? !isUp };
  writeRecord(record);
  try {
    if (!isUp) await runner.step('start the cluster', place.start, 'mend that, then npm run try');
    await install(place, runner, options.namespace);
    return { place, runner };
  } catch (error) {
    if (earlier === undefined) await undo(record);
    throw error;
  }
}

async function undo(record: TrialRecord): Promise<void> {
  console.log('── it did not come up: what was made is removed again');
  await takeDown(record).catch((error: unknown) => {
    console.error((error as Error).message);
  });
}

async function install(place: Platform, runner: Runner, namespace: string): Promise<void> {
  const image = `${place.repository}:${VERSION}`;
  await runner.step('build the image', place.build, 'mend that, then npm run try');
  await runner.step('load the image into the cluster', place.load, 'mend that, then npm run try');
  const { status, stderr } = await runner.run(
    runner.kubectl('apply', '--filename', '-'),
    pagerManifests(namespace, image),
  );
  if (status !== 0)
    throw new Problem(`The cluster refuses: ${lastLine(stderr)}; choose another by kubectl config use-context NAME`);
  const again = (await runner.run(runner.helm('status', RELEASE))).status === 0;
  const values = [
    ...['--values', join(ROOT, 'try', 'values.yaml'), '--set', `image.repository=${place.repository}`],
    ...(place.withoutGrafana === '' ? [] : ['--set', 'stack.grafana.enabled=false']),
  ];
  const chart = join(ROOT, 'chart');
  await runner.step(
    'install the chart with its stack',
    [
      runner.helm('upgrade', '--install', RELEASE, chart, ...values),
      // The image has the same name as the one before.
      ...(again ? [runner.kubectl('rollout', 'restart', 'deployment')] : []),
    ],
    'mend that, then npm run try',
  );
  await untilReady(runner);
}

/** kubectl and helm, built where they are missing and Go is there. */
async function provideClients(runner: Runner): Promise<void> {
  const missing = ['kubectl', 'helm'].filter((program) => onPath(program) === undefined);
  if (missing.length > 0 && obstacles().go !== undefined)
    throw new Problem(
      `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not on PATH, and there is no Go to build from source: install what is missing (https://helm.sh/docs/intro/install/, https://kubernetes.io/docs/tasks/tools/), then npm run try`,
    );
  const build = missing.length === 0 ? [] : [['testbed/build', ...missing] as const];
  await runner.step(`build ${missing.join(', ')} from source, once a machine`, build, 'mend that, then npm run try');
  const helm = /v(\d+)\.[\d.]+/.exec((await runner.run(['helm', 'version', '--short'])).stdout);
  if (helm !== null && Number(helm[1]) < OLDEST_HELM)
    throw new Problem(
      `helm is ${helm[0]}, and the chart takes Helm ${OLDEST_HELM} or later: install it (https://helm.sh/docs/intro/install/), then npm run try`,
    );
}

/** What a cluster's answer that is no success means. */
export function unreachable(label: string, answer: string): string {
  return /unauthorized|logged in|forbidden|expired|credentials|certificate/i.test(answer)
    ? `${label} refuses your credentials (${lastLine(answer)}): log in to it again`
    : `${label} does not answer (${lastLine(answer)}): start it`;
}

/** @throws {Problem} if the cluster does not answer, refuses, or has a namespace of that name that is not a trial's */
async function checkCluster(runner: Runner, { label }: Platform, namespace: string): Promise<void> {
  const other = 'choose another by kubectl config use-context NAME or --on';
  const ready = await runner.run(runner.kubectl('get', '--raw', '/readyz', '--request-timeout=10s'));
  if (ready.status !== 0) throw new Problem(`${unreachable(label, ready.stderr)}, or ${other}`);
  for (const [verb, kind] of [
    ['create', 'namespaces'],
    ['create', 'deployments.apps'],
    ['create', 'roles.rbac.authorization.k8s.io'],
  ] as const) {
    const { status } = await runner.run(runner.kubectl('auth', 'can-i', verb, kind));
    if (status !== 0) throw new Problem(`${label} refuses to let you ${verb} ${kind}: get the right to, or ${other}`);
  }
  const query = `jsonpath={.metadata.labels.${LABEL[0].replaceAll('.', '\\.')}}`;
  const found = await runner.run(runner.kubectl('get', 'namespace', namespace, '--output', query));
  if (found.status === 0 && found.stdout !== LABEL[1])
    throw new Problem(
      `${label} has a namespace ${namespace} that is not of npm run try: choose another by --namespace NAME`,
    );
}
