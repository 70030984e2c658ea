import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { stringify } from 'yaml';
import { CHART } from '../../scripts/chart/tools.ts';
import { VERSION } from '../../lib/version.ts';
import { kubectlJson, runWell } from '../support/commands.ts';
import { figure } from '../support/figures.ts';
import { Namespace } from '../support/namespace.ts';
import { Prometheus } from '../support/prometheus.ts';
import { SessionLoad } from '../support/session-load.ts';
import { SETTINGS } from '../support/settings.ts';
import { installAddon, keepVersions, makeImage, pinnedVersion } from '../support/testbed-addon.ts';
import { hasTestbed } from '../support/testbed.ts';
import { secondsSince, until } from '../support/wait.ts';

const SKIP = hasTestbed() ? false : 'the test bed is not there, which installs Argo Rollouts and builds the images';
const SHAPE = { sockets: 300, sendRate: 1 };
const IMAGE = 'websocket-message-counter';
const ROLLOUT = `demo-${IMAGE}`;

/** Counts a message, and then fails instead of telling the count. */
const LOSSY_HANDLER = `
export const handle = () => {
  if (Math.random() < 0.3) throw new Error('built wrong on purpose');
};
export const authorize = () => ({});
`;

const METRIC = 'canary-untold-counts';
const CANARY = `namespace="e2e-argo-rollouts",pod=~"${ROLLOUT}-{{args.canary-hash}}-.+"`;
const UNTOLD = `sum(increase(websocket_messages_rejected_total{${CANARY},reason="handler"}[1m]))`;
const TOLD = `sum(increase(websocket_messages_total{${CANARY}}[1m]))`;

/** Fails the analysis where new pods count messages and do not tell the counts. */
const UNTOLD_COUNTS = {
  name: METRIC,
  interval: '10s',
  failureLimit: 1,
  successCondition: 'result[0] <= 0.05',
  provider: {
    prometheus: {
      address: 'http://prometheus-operated.monitoring.svc:9090',
      query: `${UNTOLD} / (${UNTOLD} + ${TOLD} > 0) or vector(0)`,
    },
  },
};

interface RolloutStatus {
  readonly status: {
    readonly phase?: string;
    readonly abort?: boolean;
    readonly stableRS?: string;
    readonly currentPodHash?: string;
    readonly readyReplicas?: number;
  };
}

describe('a canary by Argo Rollouts, with the analysis of the chart', { skip: SKIP }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'images-'));
  let namespace: Namespace;
  let load: SessionLoad | undefined;

  before(async () => {
    await installAddon('argo-rollouts');
    await keepVersions('helm', `Argo Rollouts ${await pinnedVersion('ARGO_ROLLOUTS_VERSION')}`);
    writeFileSync(join(folder, 'handler.js'), LOSSY_HANDLER);
    const from = `FROM docker.io/library/${IMAGE}:${VERSION}\n`;
    writeFileSync(join(folder, 'lossy'), `${from}COPY handler.js /app/dist/service/src/handler.js\n`);
    writeFileSync(join(folder, 'good'), `${from}LABEL good=true\n`);
    for (const tag of ['lossy', 'good']) await makeImage('build', `${IMAGE}:${tag}`, folder, join(folder, tag));
    namespace = await Namespace.create('argo-rollouts');
    await install('install', VERSION);
    await until('the first pods', 120, async () => (await rollout()).phase === 'Healthy');
    // The operator takes its time to have Prometheus look at a new release; the analysis asks whether the canary is scraped.
    const ready = `count(websocket_ready{namespace="${namespace.name}"} == 1)`;
    await until('the pods being scraped', 150, async () => (await new Prometheus().value(ready)) === 3);
    const path = '--output=jsonpath={.spec.ports[0].nodePort}';
    const port = await namespace.kubectl('get', 'service', ROLLOUT, path);
    load = await SessionLoad.start(`ws://${SETTINGS.node}:${port}/ws/chat/`, SHAPE);
  });
  afterEach(async (context) => {
    if ('passed' in context && !context.passed) await namespace.describe();
  });
  after(async () => {
    await load?.stop();
    await namespace.delete();
    rmSync(folder, { recursive: true, force: true });
  });

  test('one of an image that is good goes through, and no count is lost', async () => {
    const before = await rollout();
    load!.passage();
    const began = performance.now();
    await install('upgrade', 'good');
    await until('the canary being the stable one', 400, async () => {
      const { phase, stableRS } = await rollout();
      return phase === 'Healthy' && stableRS !== before.stableRS;
    });
    figure('good image: from the upgrade to its end', `${secondsSince(began)} s`);
    await load!.untilWhole(60);
    const { closes, lost, wrong, told } = load!.passage();
    assert.deepEqual([Object.keys(closes), lost, wrong], [['1001'], 0, {}]);
    figure('good image: counts', `${told} told, ${lost} lost, ${closes['1001'] ?? 0} closes, all 1001`, '0 lost');
  });

  test('one of an image that loses counts is stopped, and rolled back', async () => {
    const before = await rollout();
    const began = performance.now();
    await install('upgrade', 'lossy');
    const aborted = await until('the canary being stopped', 400, async () => {
      const now = await rollout();
      return now.abort === true && now;
    });
    const stopped = secondsSince(began);
    assert.equal(aborted.stableRS, before.stableRS);
    await until('the canary being gone', 120, async () => (await pods()).every((hash) => hash === before.stableRS));
    figure('image that loses counts', `stopped after ${stopped} s, its pods gone after ${secondsSince(began)} s`);
    const { items } = await kubectlJson<{ items: { status: { phase: string; metricResults: Metric[] } }[] }>(
      ...['--namespace', namespace.name, 'get', 'analysisruns'],
    );
    const failed = items.filter(({ status }) => status.phase === 'Failed');
    assert.equal(failed.length, 1);
    const reasons = failed.flatMap(({ status }) => status.metricResults.filter(({ phase }) => phase === 'Failed'));
    assert.deepEqual(
      reasons.map(({ name }) => name),
      [METRIC],
    );
    figure('the analysis failed by', METRIC, METRIC);
    await load!.untilWhole(90);
    const { lost, told } = load!.passage();
    figure('image that loses counts: counts', `${told} told, ${lost} lost, by the clients that met it`);
    await load!.untilWhole(30);
    assert.deepEqual(load!.passage().closes, {}, 'the pods that are left are good');
  });

  async function install(command: 'install' | 'upgrade', tag: string): Promise<void> {
    const values = {
      ...{ replicaCount: 3, minReadySeconds: 2, service: { type: 'NodePort' }, image: { tag } },
      metrics: { scrapeInterval: '5s' },
      rollout: {
        enabled: true,
        steps: [{ setWeight: 34 }, { pause: { duration: '90s' } }],
        analysis: { initialDelaySeconds: 30, intervalSeconds: 10, failureLimit: 1, metrics: [UNTOLD_COUNTS] },
      },
    };
    const args = [command, 'demo', CHART, '--namespace', namespace.name, '--values', '-'];
    await runWell('helm', args, { input: stringify(values, { version: '1.1' }) });
  }

  async function rollout(): Promise<RolloutStatus['status']> {
    const args = ['--namespace', namespace.name, 'get', 'rollouts.argoproj.io', ROLLOUT];
    return (await kubectlJson<RolloutStatus>(...args)).status;
  }

  /** Template hash of each pod. */
  async function pods(): Promise<readonly string[]> {
    const label = 'rollouts-pod-template-hash';
    const { items } = await kubectlJson<{ items: { metadata: { labels: Record<string, string> } }[] }>(
      ...['--namespace', namespace.name, 'get', 'pods', '--selector', label],
    );
    return items.map(({ metadata }) => metadata.labels[label] ?? '');
  }
});

interface Metric {
  readonly name: string;
  readonly phase: string;
}
