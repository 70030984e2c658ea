import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, describe, test } from 'node:test';
import { parse } from 'yaml';
import { panelsOf, type DashboardFile } from '../../testkit/dashboard-file.ts';
import { ANY, interpolate } from '../../testkit/interpolate.ts';
import { LokiReader } from '../../testkit/loki-reader.ts';
import { Client } from '../../testkit/client.ts';
import { kubectlJson } from '../support/commands.ts';
import { figure, progress } from '../support/figures.ts';
import { Namespace } from '../support/namespace.ts';
import { Prometheus } from '../support/prometheus.ts';
import { Release } from '../support/release.ts';
import { Tunnel } from '../support/tunnel.ts';
import { secondsSince, until } from '../support/wait.ts';

/** Parts that run here, with their ports. Grafana's image can't be had on the test cluster: its pod is only made. */
const PARTS = { loki: 3100, prometheus: 9090, alertmanager: 9093 } as const;
type Part = keyof typeof PARTS;

const MESSAGES = 5;

describe('the stack, in a namespace that enforces the restricted Pod Security Standard', () => {
  const tunnels: Tunnel[] = [];
  let namespace: Namespace;
  let atFirst: readonly string[];
  let release: Release;

  before(async () => {
    namespace = await Namespace.create('stack');
    atFirst = await namespace.objects();
  });
  afterEach(async (context) => {
    if ('passed' in context && !context.passed) await namespace.describe();
  });
  after(async () => {
    await Promise.all(tunnels.map((tunnel) => tunnel.close()));
    await namespace.delete();
  });

  test('Loki, Prometheus and Alertmanager get ready', async () => {
    const began = performance.now();
    release = await Release.install(namespace, 'demo', {
      // By itself it is left out where the operator has one.
      stack: { enabled: true, prometheus: { enabled: true } },
      metrics: { scrapeInterval: '5s' },
    });
    for (const part of Object.keys(PARTS) as Part[]) {
      await release.ready(`${release.fullName}-${part}`);
      figure(`${part} ready after`, `${secondsSince(began)} s`);
    }
  });

  test('Grafana has a pod that the API server admits, and nothing but its image is missing', async () => {
    const { items } = await kubectlJson<{ items: GrafanaPod[] }>(
      ...['--namespace', namespace.name, 'get', 'pods', '--selector=app.kubernetes.io/component=grafana'],
    );
    assert.equal(items.length, 1);
    const [state] = items[0]?.status.containerStatuses ?? [];
    progress(`Grafana's container: ${state?.state.waiting?.reason ?? 'running'}`);
    if (state?.ready === false)
      assert.match(state.state.waiting?.reason ?? '', /^(ErrImagePull|ImagePullBackOff|ContainerCreating)$/);
  });

  test("Prometheus scrapes the service's pods, has the rules, and knows its Alertmanager", async () => {
    const { httpUrl } = await reach('prometheus');
    const prometheus = new Prometheus(httpUrl);
    const pods = await release.podNames();
    for (const pod of pods)
      await until(
        `a scrape of ${pod}`,
        60,
        async () => (await prometheus.value(`websocket_ready{pod="${pod}"}`)) === 1,
      );
    const rules = await until('rules that were evaluated', 60, async () => {
      const loaded = await prometheus.allRules();
      return loaded.length > 0 && loaded.every(({ health }) => health !== 'unknown') && loaded;
    });
    for (const rule of rules) assert.equal(rule.health, 'ok', `${rule.name}: ${rule.lastError ?? ''}`);
    figure('rules in the stack', String(rules.length), 'each is well');
    const answer = await fetch(`${httpUrl}/api/v1/alertmanagers`);
    const { data } = (await answer.json()) as { data: { activeAlertmanagers: { url: string }[] } };
    assert.deepEqual(
      data.activeAlertmanagers.map(({ url }) => new URL(url).hostname),
      [`${release.fullName}-alertmanager`],
    );
  });

  test('Alertmanager takes an alert', async () => {
    const { httpUrl } = await reach('alertmanager');
    const labels = { alertname: 'Posted', namespace: namespace.name };
    const posted = await fetch(`${httpUrl}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify([{ labels }]),
    });
    assert.equal(posted.status, 200, await posted.text());
    await until('the alert', 30, async () => {
      const alerts = (await (await fetch(`${httpUrl}/api/v2/alerts`)).json()) as { labels: { alertname: string } }[];
      return alerts.some((alert) => alert.labels.alertname === labels.alertname);
    });
  });

  test("the service's lines reach Loki, and are found by their session", async () => {
    const session = randomUUID();
    const client = await Client.open(`${await release.url()}?session_id=${session}`);
    for (let count = 1; count <= MESSAGES; count += 1) assert.equal(await client.count(), count);
    await client.close();
    const began = performance.now();
    const loki = new LokiReader((await reach('loki')).httpUrl);
    const query = `{service="websocket-message-counter"} | session_id="${session}"`;
    const events = await until('the lines in Loki', 60, async () => {
      const found = await loki.events(query);
      return found.length >= MESSAGES + 2 && found;
    });
    figure('lines of a session in Loki', `${secondsSince(began)} s after its close at most`);
    assert.deepEqual(events, [
      'websocket_connected',
      ...Array<string>(MESSAGES).fill('websocket_message_received'),
      'websocket_disconnected',
    ]);
  });

  test("Grafana's provisioning names addresses that something is behind", async () => {
    const files = await configMap('grafana');
    const { datasources } = parse(files['datasources.yaml'] ?? '') as { datasources: ProvisionedSource[] };
    assert.deepEqual(
      datasources.map(({ url }) => new URL(url).host).sort(),
      (Object.keys(PARTS) as Part[]).map((part) => `${release.fullName}-${part}:${PARTS[part]}`).sort(),
    );
    for (const { uid, url } of datasources) {
      const service = new URL(url).hostname;
      const addresses = await release.kubectl(
        ...['get', 'endpointslices', `--selector=kubernetes.io/service-name=${service}`],
        '--output=jsonpath={.items[*].endpoints[?(@.conditions.ready==true)].addresses[*]}',
      );
      assert.notEqual(addresses.trim(), '', `nothing is behind ${url} of data source ${uid}`);
    }
    const { providers } = parse(files['providers.yaml'] ?? '') as { providers: { options: { path: string } }[] };
    assert.equal(providers.length, 1);
  });

  test('every query of its dashboards runs', async () => {
    const files = Object.values(await configMap('grafana-boards'));
    const panels = files.flatMap((file) => panelsOf(JSON.parse(file) as DashboardFile));
    const targets = panels.flatMap(({ title, targets: each }) => each.map((target) => ({ title, ...target })));
    assert.ok(targets.length > 0);
    const prometheus = new Prometheus((await reach('prometheus')).httpUrl);
    const loki = new LokiReader((await reach('loki')).httpUrl);
    for (const { title, expr, datasource } of targets) {
      const query = interpolate(expr, ANY);
      const answer = datasource.type === 'loki' ? loki.range(query) : prometheus.query(query);
      await assert.doesNotReject(answer, `panel "${title}"`);
    }
    figure('queries of the dashboards that run', String(targets.length));
  });

  test("Grafana's password stays the same over an upgrade", async () => {
    const before = await password();
    assert.ok(before.length >= 24);
    await release.upgrade({ commonAnnotations: { 'example.com/upgraded': 'yes' } });
    assert.equal(await password(), before);
  });

  test('leaves nothing behind when it is uninstalled', async () => {
    await release.uninstall();
    await until('every pod being gone', 120, async () => (await namespace.objects()).length === atFirst.length);
    assert.deepEqual(await namespace.objects(), atFirst);
  });

  async function reach(part: Part): Promise<Tunnel> {
    const tunnel = await Tunnel.open(release, `deployment/${release.fullName}-${part}`, PARTS[part]);
    tunnels.push(tunnel);
    return tunnel;
  }

  async function configMap(suffix: string): Promise<Readonly<Record<string, string>>> {
    const name = `${release.fullName}-${suffix}`;
    const { data = {} } = await kubectlJson<{ data?: Record<string, string> }>(
      ...['--namespace', namespace.name, 'get', 'configmap', name],
    );
    return data;
  }

  async function password(): Promise<string> {
    return release.kubectl('get', 'secret', `${release.fullName}-grafana`, '--output=jsonpath={.data.admin-password}');
  }
});

interface ProvisionedSource {
  readonly uid: string;
  readonly url: string;
}

interface GrafanaPod {
  readonly status: {
    readonly containerStatuses?: readonly {
      readonly ready: boolean;
      readonly state: { readonly waiting?: { readonly reason: string } };
    }[];
  };
}
