import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { kubectl } from '../support/commands.ts';
import { figure } from '../support/figures.ts';
import { Namespace } from '../support/namespace.ts';
import { Prometheus } from '../support/prometheus.ts';
import { Release, type Values } from '../support/release.ts';
import { installMonitoring, keepVersions } from '../support/testbed-addon.ts';
import { hasTestbed } from '../support/testbed.ts';
import { Tunnel } from '../support/tunnel.ts';
import { until } from '../support/wait.ts';

const VALUES: Values = { stack: { enabled: true }, metrics: { scrapeInterval: '5s' } };
const SKIP = hasTestbed() ? false : 'the test bed is not there, whose operator is taken away and installed again';

describe('the stack on a cluster with the operator', () => {
  let namespace: Namespace;
  let release: Release;

  before(async () => {
    await keepVersions('helm');
    namespace = await Namespace.create('stack-with');
    release = await Release.install(namespace, 'demo', VALUES);
  });
  afterEach(async (context) => {
    if ('passed' in context && !context.passed) await namespace.describe();
  });
  after(() => namespace.delete());

  test('brings no Prometheus of its own: that of the operator scrapes it, and Grafana reads that one', async () => {
    const made = await deployments(namespace);
    assert.deepEqual(
      made,
      ['', '-grafana', '-loki'].map((part) => `${release.fullName}${part}`),
    );
    const [pod = ''] = await release.podNames();
    const ready = `websocket_ready{namespace="${namespace.name}", pod="${pod}"}`;
    await until('the operator scraping it', 150, async () => (await new Prometheus().value(ready)) === 1);
    const grafana = await namespace.kubectl('get', 'configmap', `${release.fullName}-grafana`, '--output=yaml');
    assert.match(grafana, /http:\/\/prometheus-operated\.monitoring\.svc:9090/);
    figure('with the operator', `${made.length} Deployments: service, Grafana, Loki; scraped`, 'no Prometheus');
  });
});

describe('the stack on a cluster without the operator', { skip: SKIP }, () => {
  let namespace: Namespace;
  let release: Release;

  before(async () => {
    const crds = (await kubectl('get', 'crd', '--output=name')).split('\n');
    const operator = crds.filter((name) => name.endsWith('.monitoring.coreos.com'));
    assert.ok(operator.length > 0);
    await kubectl('delete', ...operator, '--timeout=100s');
    namespace = await Namespace.create('stack-without');
    release = await Release.install(namespace, 'demo', VALUES);
  });
  afterEach(async (context) => {
    if ('passed' in context && !context.passed) await namespace.describe();
  });
  after(async () => {
    await namespace.delete();
    await installMonitoring();
  });

  test('brings a Prometheus and an Alertmanager, which scrape it and are told of its rules', async () => {
    const made = await deployments(namespace);
    const parts = ['', '-alertmanager', '-grafana', '-loki', '-prometheus'];
    assert.deepEqual(
      made,
      parts.map((part) => `${release.fullName}${part}`),
    );
    for (const part of ['prometheus', 'alertmanager']) await release.ready(`${release.fullName}-${part}`);
    const tunnel = await Tunnel.open(release, `deployment/${release.fullName}-prometheus`, 9090);
    const own = new Prometheus(tunnel.httpUrl);
    const [pod = ''] = await release.podNames();
    const ready = `websocket_ready{pod="${pod}"}`;
    let rules: readonly unknown[];
    try {
      await until('its own Prometheus scraping it', 90, async () => (await own.value(ready)) === 1);
      rules = await own.allRules();
    } finally {
      await tunnel.close();
    }
    assert.ok(rules.length > 0);
    figure('without the operator', `${made.length} Deployments; scraped by its own, ${rules.length} rules`, 'its own');
  });
});

/** Names of the Deployments in it. */
async function deployments(namespace: Namespace): Promise<readonly string[]> {
  const names = await namespace.kubectl('get', 'deployments', '--output=name');
  return names
    .trim()
    .split('\n')
    .map((name) => name.replace('deployment.apps/', ''))
    .sort();
}
