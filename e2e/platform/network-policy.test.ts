import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { LokiReader } from '../../testkit/loki-reader.ts';
import { apply } from '../support/commands.ts';
import { figure, progress } from '../support/figures.ts';
import { Namespace } from '../support/namespace.ts';
import { Probe, type Reach } from '../support/probe.ts';
import { Prometheus } from '../support/prometheus.ts';
import { Release, type Values } from '../support/release.ts';
import { installAddon, keepVersions, pinnedVersion, stopKubeRouter } from '../support/testbed-addon.ts';
import { hasTestbed } from '../support/testbed.ts';
import { Tunnel } from '../support/tunnel.ts';
import { until } from '../support/wait.ts';

const SKIP = hasTestbed() ? false : 'the test bed is not there, whose kube-router enforces the policies';

/** Ports of the part of the stack that each Service is for. */
const STACK = { redis: 6379, loki: 3100, prometheus: 9090, alertmanager: 9093 } as const;

describe('network policies, enforced by kube-router', { skip: SKIP }, () => {
  let home: Namespace;
  let outside: Namespace;
  let clients: Namespace;
  /** With the stack's Redis, Loki, Prometheus and Alertmanager. */
  let demo: Release;
  /** With a Redis on another port and a Loki behind a gateway, both in another namespace. */
  let other: Release;
  let stranger: Probe;
  let neighbour: Probe;
  let client: Probe;
  const tunnels: Tunnel[] = [];

  before(async () => {
    await installAddon('kube-router');
    await keepVersions('helm', `kube-router ${await pinnedVersion('KUBE_ROUTER_VERSION')}`);
    home = await Namespace.create('network-policy');
    outside = await Namespace.create('network-policy-outside');
    clients = await Namespace.create('network-policy-clients');
    const store = { type: 'redis' };
    demo = await Release.install(home, 'demo', { ...COMMON, store, stack: PARTS, ...policy(false) });
    const [pod = ''] = await demo.podNames();
    const image = (await home.kubectl('get', 'pod', pod, '--output=jsonpath={.spec.containers[0].image}')).trim();
    await apply(outsideParts(outside.name, image));
    await outside.kubectl('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=60s');
    other = await Release.install(home, 'other', {
      ...COMMON,
      ...policy(false),
      store: { ...store, redis: { url: `redis://redis.${outside.name}:6380` } },
      loki: { url: `http://loki-gateway.${outside.name}` },
    });
    for (const part of Object.keys(STACK)) await demo.ready(`${demo.fullName}-${part}`);
    stranger = await Probe.start(outside.name, 'stranger', image);
    neighbour = await Probe.start(home.name, 'neighbour', image);
    client = await Probe.start(clients.name, 'client', image);
  });
  afterEach(async (context) => {
    if ('passed' in context && !context.passed) await home.describe();
  });
  after(async () => {
    await Promise.all(tunnels.map((tunnel) => tunnel.close()));
    await stopKubeRouter();
    for (const namespace of [home, outside, clients]) await namespace.delete();
  });

  test('without the policies every path is open but that to the admin port: what is refused below is by them', async () => {
    const targets = [...(await doors()), ...outsideDoors(outside.name)];
    for (const probe of [stranger, neighbour]) assert.deepEqual(await probe.reach(targets), all(targets, 'open'));
    const pod = await servicePod(other);
    assert.deepEqual(await pod.reach(outsideDoors(outside.name)), all(outsideDoors(outside.name), 'open'));
    assert.deepEqual(Object.values(await stranger.reach(await adminDoors())), ['ECONNREFUSED', 'ECONNREFUSED']);
    figure('paths open without the policies', `${targets.length * 2 + outsideDoors(outside.name).length}`, 'all');
  });

  test('with them, a pod of another namespace or of this one reaches none', async () => {
    for (const release of [demo, other]) await release.upgrade(policy(true));
    const targets = [...(await doors()), ...(await adminDoors())];
    for (const [name, probe] of Object.entries({ 'another namespace': stranger, 'the same namespace': neighbour })) {
      const seen = await until(`the paths from ${name} being refused`, 60, async () => {
        const reached = await probe.reach(targets);
        return !Object.values(reached).includes('open') && reached;
      });
      figure(
        `from ${name}: service, metrics, admin port, Redis, Loki, Prometheus, Alertmanager`,
        tally(seen),
        'none open',
      );
    }
  });

  test('clients reach the service alone, and no part of the stack', async () => {
    for (const release of [demo, other]) {
      const url = `ws://${release.fullName}.${home.name}:8080/ws/chat/`;
      assert.equal(await client.count(url), 1, url);
    }
    const seen = await client.reach(partDoors());
    assert.ok(!Object.values(seen).includes('open'), JSON.stringify(seen));
    figure('from the namespace of the clients', `counts by both releases; the stack: ${tally(seen)}`, 'none open');
  });

  test('helm test passes: every pod by its address, and sessions that the Redis shares', async () => {
    for (const release of [demo, other]) assert.match(await release.test(), /Phase:\s+Succeeded/);
    figure('helm test of both releases', 'passed', 'its pod, by its own policy');
  });

  test('the Prometheus of the operator scrapes both, that of the stack its own', async () => {
    const prometheus = new Prometheus();
    await until('four pods being up', 90, async () => {
      const scraped = await prometheus.query(`websocket_ready{namespace="${home.name}"} == 1`);
      return new Set(scraped.map(({ metric }) => metric['pod'])).size === 4;
    });
    // What was scraped before the policies does not count.
    const began = Date.now() / 1000;
    await until('scrapes from after the policies', 60, async () => {
      const times = await prometheus.query(`timestamp(up{namespace="${home.name}", container!=""} == 1) > ${began}`);
      return times.length >= 4;
    });
    const tunnel = await tunnelTo('prometheus');
    const own = new Prometheus(tunnel.httpUrl);
    const pods = await until('the stack scraping after the policies', 60, async () => {
      const fresh = await own.query(`timestamp(websocket_ready) > ${began}`);
      return fresh.length === 2 && fresh.length;
    });
    figure('scraped after the policies', `4 pods by the operator's Prometheus, ${pods} by the stack's`, '4 and 2');
  });

  test("log lines reach the stack's Loki, and the other one through its gateway's port", async () => {
    const tunnel = await tunnelTo('loki');
    const loki = new LokiReader(tunnel.httpUrl);
    const before = await loki.count('{service="websocket-message-counter"}');
    await client.count(`ws://${demo.fullName}.${home.name}:8080/ws/chat/`);
    const lines = await until('a new line in Loki', 60, async () => {
      const now = await loki.count('{service="websocket-message-counter"}');
      return now > before && now;
    });
    const pushes = (await outside.kubectl('logs', 'loki-gateway')).split('\n').length;
    await client.count(`ws://${other.fullName}.${home.name}:8080/ws/chat/`);
    await until('a push at the gateway', 60, async () => {
      return (await outside.kubectl('logs', 'loki-gateway')).split('\n').length > pushes;
    });
    figure('log lines after the policies', `${lines - before} in the stack's Loki; a push at port 8080 of the gateway`);
  });

  test('a pod of the service connects to where it has to, and nowhere else', async () => {
    const pod = await servicePod(other);
    const [redis = '', gateway = '', ...rest] = outsideDoors(outside.name);
    const seen = await pod.reach([redis, gateway, ...rest, 'kubernetes.default:443', ...partDoors()]);
    const { [redis]: first, [gateway]: second, ...others } = seen;
    assert.deepEqual([first, second], ['open', 'open']);
    assert.ok(!Object.values(others).includes('open'), JSON.stringify(others));
    figure('from a pod of the service', `Redis on 6380 and the gateway: open; all else: ${tally(others)}`, 'none open');
  });

  /** A way past the policies. */
  async function tunnelTo(part: keyof typeof STACK): Promise<Tunnel> {
    const tunnel = await Tunnel.open(demo, `deployment/${demo.fullName}-${part}`, STACK[part]);
    tunnels.push(tunnel);
    return tunnel;
  }

  /** What must be closed to strangers: the service, its metrics, the parts of the stack. */
  async function doors(): Promise<readonly string[]> {
    const pods = [...(await demo.pods()), ...(await other.pods())];
    const port = await home.kubectl(
      'get',
      'service',
      `${demo.fullName}-metrics`,
      '--output=jsonpath={.spec.ports[0].port}',
    );
    const metrics = pods.map(({ status }) => `${status.podIP ?? ''}:${port}`);
    const services = [demo, other].map(({ fullName }) => `${fullName}.${home.name}:8080`);
    return [...services, ...metrics, ...partDoors()];
  }

  function partDoors(): readonly string[] {
    return Object.entries(STACK).map(([part, port]) => `${demo.fullName}-${part}.${home.name}:${port}`);
  }

  /** One pod's of each release. */
  async function adminDoors(): Promise<readonly string[]> {
    const pods = [(await demo.pods())[0], (await other.pods())[0]];
    return pods.map((pod) => `${pod?.status.podIP ?? ''}:8081`);
  }

  /** `networkPolicy` of both releases. */
  function policy(enabled: boolean): Values {
    const from = (name: string): object => ({
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } },
    });
    return {
      networkPolicy: { enabled, ingressFrom: [from('e2e-network-policy-clients')], metricsFrom: [from('monitoring')] },
    };
  }
});

const COMMON: Values = {
  replicaCount: 2,
  minReadySeconds: 0,
  service: { type: 'ClusterIP' },
  metrics: { scrapeInterval: '5s' },
};
const PARTS: Values = { enabled: true, grafana: { enabled: false }, prometheus: { enabled: true } };

async function servicePod(release: Release): Promise<Probe> {
  const [pod = ''] = await release.podNames();
  progress(`from ${pod}`);
  return Probe.of(release, pod);
}

/** Redis on the port of `store.redis.url`, the gateway of Loki, and two doors that nothing is said about. */
function outsideDoors(namespace: string): readonly string[] {
  return [
    `redis.${namespace}:6380`,
    `loki-gateway.${namespace}:80`,
    `redis.${namespace}:6379`,
    `elsewhere.${namespace}:9999`,
  ];
}

function all(targets: readonly string[], reach: Reach): Readonly<Record<string, Reach>> {
  return Object.fromEntries(targets.map((target) => [target, reach]));
}

function tally(seen: Readonly<Record<string, Reach>>): string {
  const counts = new Map<Reach, number>();
  for (const reach of Object.values(seen)) counts.set(reach, (counts.get(reach) ?? 0) + 1);
  return [...counts].map(([reach, times]) => `${times} ${reach}`).join(', ');
}

/** A Redis on 6380 and one on 6379; a Loki's gateway, port 80 to 8080, that writes a line for each push; a server on 9999. */
function outsideParts(namespace: string, image: string): string {
  const restricted = 'securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}';
  const gateway = `require('node:http').createServer((request, response) => {
    request.resume().on('end', () => { console.log(request.url); response.writeHead(204).end(); });
  }).listen(8080)`;
  const server = `require('node:net').createServer((socket) => socket.end()).listen(9999)`;
  const pod = (name: string, user: number, containers: readonly string[]): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: ${namespace}, labels: {app: ${name}}}
spec:
  terminationGracePeriodSeconds: 1
  securityContext: {runAsNonRoot: true, runAsUser: ${user}, seccompProfile: {type: RuntimeDefault}}
  containers:
${containers.map((each) => `    - {${each}, imagePullPolicy: IfNotPresent, ${restricted}}`).join('\n')}
`;
  const service = (name: string, app: string, ports: readonly (readonly [number, number])[]): string => `
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  selector: {app: ${app}}
  ports: [${ports.map(([port, target]) => `{name: p${port}, port: ${port}, targetPort: ${target}}`).join(', ')}]
`;
  const redis = (port: number): string =>
    `name: p${port}, image: redis:7.4.6-bookworm, args: ["--port", "${port}", "--save", "", "--protected-mode", "no"]`;
  const node = (name: string, script: string): string =>
    `name: ${name}, image: ${image}, args: ["--eval", ${JSON.stringify(script.replaceAll(/\s+/g, ' '))}]`;
  return [
    pod('redis', 999, [redis(6380), redis(6379)]),
    service('redis', 'redis', [
      [6380, 6380],
      [6379, 6379],
    ]),
    pod('loki-gateway', 65532, [node('gateway', gateway)]),
    service('loki-gateway', 'loki-gateway', [[80, 8080]]),
    pod('elsewhere', 65532, [node('server', server)]),
    service('elsewhere', 'elsewhere', [[9999, 9999]]),
  ].join('---\n');
}
