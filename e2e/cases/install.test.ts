import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { kubectl } from '../support/commands.ts';
import { figure, progress } from '../support/figures.ts';
import { Namespace } from '../support/namespace.ts';
import { Prometheus } from '../support/prometheus.ts';
import { Release } from '../support/release.ts';
import { secondsSince, until } from '../support/wait.ts';

describe('the chart with its defaults, in a namespace that enforces the restricted Pod Security Standard', () => {
  const prometheus = new Prometheus();
  let namespace: Namespace;
  let release: Release;
  let atFirst: readonly string[];
  let startedAt: Date;

  before(async () => {
    namespace = await Namespace.create('install');
    atFirst = await namespace.objects();
    startedAt = new Date();
  });
  afterEach(async (context) => {
    if ('passed' in context && !context.passed) await namespace.describe();
  });
  after(async () => {
    await namespace.delete();
  });

  test('is installed and gets ready', async () => {
    const began = performance.now();
    release = await Release.install(namespace, 'demo', { service: { type: 'ClusterIP' } });
    figure('helm install to the rollout done', `${secondsSince(began)} s`, 'minReadySeconds (10 s) among it');
    const { items } = JSON.parse(await release.kubectl('get', 'pods', '--output=json')) as { items: ReadyPod[] };
    const [pod] = items;
    assert.ok(pod !== undefined && items.length === 1);
    const ready = pod.status.conditions.find(({ type }) => type === 'Ready');
    const readySeconds =
      (Date.parse(ready?.lastTransitionTime ?? '') - Date.parse(pod.metadata.creationTimestamp)) / 1000;
    figure('pod made to pod ready', `${readySeconds} s`, 'at most 10 s');
    assert.ok(readySeconds <= 10);
  });

  test('passes its own test by helm test', async () => {
    const output = await release.test();
    progress(`${(output.match(/^ok /gm) ?? []).length} checks of the self-test are well`);
    assert.match(output, /Phase:\s+Succeeded/);
    assert.match(output, /^ok .*counts and resumes, and its metrics tell/m);
    assert.doesNotMatch(output, /^FAILED/m);
  });

  test('is scraped by Prometheus without anything being set', async () => {
    const began = performance.now();
    const [pod = ''] = await release.podNames();
    await until(`Prometheus scraping ${pod}`, 150, async () => {
      const ready = await prometheus.value(`websocket_ready{namespace="${namespace.name}", pod="${pod}"}`);
      return ready === 1;
    });
    figure('looked at until Prometheus has the pod', `${secondsSince(began)} s`);
  });

  test('has its rules loaded, each of them well', async () => {
    const rules = await until('rules in Prometheus that were evaluated', 150, async () => {
      const loaded = await prometheus.rules(namespace.name, release.fullName);
      return loaded.length > 0 && loaded.every(({ health }) => health !== 'unknown') && loaded;
    });
    for (const rule of rules) assert.equal(rule.health, 'ok', `${rule.name}: ${rule.lastError ?? ''}`);
    const written = JSON.parse(await release.kubectl('get', 'prometheusrule', release.fullName, '--output=json')) as {
      spec: { groups: { rules: unknown[] }[] };
    };
    assert.equal(rules.length, written.spec.groups.flatMap((group) => group.rules).length);
    figure('rules loaded and well', String(rules.length), 'all that the PrometheusRule has');
  });

  test('leaves no error in the log of the Prometheus Operator', async () => {
    const since = `--since-time=${startedAt.toISOString()}`;
    const log = await kubectl('--namespace', 'monitoring', 'logs', 'deployment/prometheus-operator', since);
    const errors = log.split('\n').filter((line) => /level=(error|warn)/.test(line) && line.includes(namespace.name));
    assert.deepEqual(errors, []);
  });

  test('is upgraded and rolled back', async () => {
    await release.upgrade({ config: { logLevel: 'WARN' } });
    assert.equal(await environment(release, 'LOG_LEVEL'), 'WARN');
    await release.rollback(1);
    assert.equal(await environment(release, 'LOG_LEVEL'), 'INFO');
  });

  test('leaves nothing behind when it is uninstalled', async () => {
    await release.uninstall();
    await until('pods being gone', 120, async () => (await release.pods()).length === 0);
    assert.deepEqual(await namespace.objects(), atFirst);
    const clusterWide = await kubectl(
      'get',
      (await kubectl('api-resources', '--namespaced=false', '--verbs=list', '--output=name'))
        .trim()
        .split('\n')
        .join(','),
      '--selector=app.kubernetes.io/name=websocket-message-counter',
      '--output=name',
      '--ignore-not-found',
    );
    assert.equal(clusterWide.trim(), '');
  });
});

interface ReadyPod {
  readonly metadata: { readonly creationTimestamp: string };
  readonly status: { readonly conditions: readonly { readonly type: string; readonly lastTransitionTime: string }[] };
}

async function environment(release: Release, variable: string): Promise<string> {
  const path = `jsonpath={.spec.template.spec.containers[0].env[?(@.name=="${variable}")].value}`;
  return release.kubectl('get', `deployment/${release.fullName}`, `--output=${path}`);
}
