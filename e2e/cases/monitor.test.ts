import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test, type TestContext } from 'node:test';
import { stringify } from 'yaml';
import {
  isAboutApiServer,
  isNotice,
  isProblem,
  isSnapshot,
  MonitorProcess,
  problemsOf,
  type JsonEvent,
} from '../../testkit/monitor-process.ts';
import { Client } from '../../testkit/client.ts';
import { ApiRelay } from '../support/api-relay.ts';
import { apply, kubectl } from '../support/commands.ts';
import { kubeconfigPath, restrictedKubeconfig, writeKubeconfig, type Rule } from '../support/kubeconfig.ts';
import { Namespace } from '../support/namespace.ts';
import { Release } from '../support/release.ts';
import { until } from '../support/wait.ts';

const RELEASE = 'watched';

describe('the monitor, watching a release', () => {
  let folder: string;
  let namespace: Namespace;
  let release: Release;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'monitor-e2e-'));
    namespace = await Namespace.create('monitor');
    release = await Release.install(namespace, RELEASE, { stack: { enabled: false } });
  });
  afterEach(async (context) => {
    if ('passed' in context && !context.passed) await namespace.describe();
  });
  after(async () => {
    await namespace.delete();
    await rm(folder, { recursive: true });
  });

  test('a release at work is healthy, and its messages are counted over the pod proxy', async (t) => {
    const monitor = watch(t, ['0', '--interval', '1']);
    await monitor.waitFor('first total', isSnapshot('total'));
    const [pod = ''] = await release.podNames();
    const url = await release.url();
    // A new NodePort refuses connections until kube-proxy has heard of the pod, which nothing tells from outside.
    const client = await until('a connection', 20, () => Client.open(url));
    for (let n = 1; n <= 7; n += 1) assert.equal(await client.count(), n);
    await client.close();
    await monitor.until('7 messages', () => messagesOf(monitor, pod) === 7);
    const run = await monitor.end('SIGINT');
    assert.deepEqual(problemsOf(run), []);
    assert.equal(run.status, 0);
    const totals = run.summary?.['totals'] as Record<string, unknown>;
    assert.equal(totals['messages'], 7);
    assert.equal(totals['opened'], 1);
  });

  test('a rollout is followed from pod to pod and is no problem', async (t) => {
    const monitor = watch(t, ['0', '--interval', '2']);
    await monitor.waitFor('first total', isSnapshot('total'));
    const old = await release.podNames();
    await release.restart();
    await release.ready();
    await release.untilGone(old);
    await monitor.waitFor('the new pod', isNotice('pod_added', 'added: '));
    await monitor.waitFor(
      'the end of the old pod',
      (event) => isNotice('pod_gone')(event) && event['source'] === old[0],
    );
    const run = await monitor.end('SIGINT');
    assert.deepEqual(problemsOf(run), []);
    assert.equal(run.status, 0);
    const log = run.summary?.['log'] as { lines: number };
    assert.ok(log.lines >= 4, `the old pod's drain and the new one's start are in the log: ${log.lines} lines`);
  });

  test('a pod that comes later and crashes is told: its lines, its ends, its restarts', async (t) => {
    const monitor = watch(t, ['0', '--interval', '60']);
    await monitor.waitFor('first total', isSnapshot('total'));
    await runPod('crashes', `${writeErrors('boom', 3)} setTimeout(() => process.exit(7), 500)`);
    await monitor.waitFor('the end of the first instance', isProblem('container_failed', 'exit status 7'));
    await monitor.waitFor('the restart', isNotice('restarted', 'was restarted'));
    await monitor.waitFor('the second instance', () => errors(monitor, 'boom 3').length === 2);
    const run = await monitor.end('SIGINT');
    await deletePod('crashes');
    assert.equal(run.status, 1);
    for (const n of [1, 2, 3]) assert.equal(errors(monitor, `boom ${n}`).length, 2, `boom ${n} once an instance`);
  });

  test('a container that needs more memory than its limit is told as killed for it', async (t) => {
    const monitor = watch(t, ['0', '--interval', '60']);
    await monitor.waitFor('first total', isSnapshot('total'));
    await runPod('greedy', 'const held = []; setInterval(() => held.push(Buffer.alloc(8 << 20, 1)), 5)', '96Mi');
    const problem = await monitor.waitFor('the kill', isProblem('oom_killed'));
    const run = await monitor.end('SIGTERM');
    await deletePod('greedy');
    assert.equal(problem['source'], 'greedy');
    assert.match(String(problem['message']), /OOMKilled, exit status 137/);
    assert.equal(run.status, 1);
  });

  test('an image that can not be had is told with the reason', async (t) => {
    const monitor = watch(t, ['0', '--interval', '60']);
    await monitor.waitFor('first total', isSnapshot('total'));
    await applyPod('imageless', { image: 'localhost:5000/nothing-here:1' });
    await monitor.waitFor('the stuck container', isProblem('container_failed', 'does not start'));
    const run = await monitor.end('SIGINT');
    await deletePod('imageless');
    assert.equal(run.status, 1);
  });

  test('while the API server is away it says so; then it reads on, and no line is lost or told twice', async (t) => {
    const relay = await ApiRelay.open();
    t.after(() => {
      relay.cut();
    });
    await runPod('talks', `let n = 0; setInterval(() => ${writeError("'tick ' + ++n")}, 100)`);
    await kubectl('wait', '--for=condition=Ready', 'pod/talks', '-n', namespace.name, '--timeout=60s');
    const monitor = watch(t, ['0', '--interval', '2'], await writeKubeconfig(folder, 'relay', relay.kubeconfig));
    await monitor.waitFor('a line', isProblem('log_error', 'tick'));
    // By then its watches are made: one that can't even begin ends the monitor.
    await monitor.waitFor('a change since the first snapshot', isSnapshot('total', changes));
    relay.cut();
    await monitor.waitFor('word of the absence', isAboutApiServer('not_watched'));
    const last = lastTick(monitor);
    await relay.restore();
    await monitor.waitFor('word of the return', isAboutApiServer('watched_again'));
    await monitor.waitFor('lines from after it', () => lastTick(monitor) > last + 30);
    relay.cut();
    await relay.restore();
    const lastBeforeShortCut = lastTick(monitor);
    await monitor.waitFor('lines after a short cut', () => lastTick(monitor) > lastBeforeShortCut + 30);
    const run = await monitor.end('SIGINT');
    await deletePod('talks');
    const told = ticks(monitor);
    const expected = told.map((_, index) => (told[0] ?? NaN) + index);
    assert.deepEqual(told, expected, 'each line once, in order');
    const gaps = run.summary?.['gaps'] as { part: string; until: string | null }[];
    assert.ok(gaps.some(({ part, until: end }) => part === 'API server' && end !== null));
  });

  test('without the permission for the pod proxy, for logs or for pods it can not watch and says which one it needs', async (t) => {
    const withoutProxy = watch(t, ['0', '--interval', '1'], await restricted('proxyless', [SEE_PODS, READ_LOGS]));
    await withoutProxy.waitFor('word of the missing permission', isNotice('not_watched', 'get on pods/proxy'));
    assert.equal((await withoutProxy.end('SIGINT')).status, 2);
    const withoutLogs = watch(t, ['0'], await restricted('logless', [SEE_PODS, PROXY_PODS]));
    await withoutLogs.waitFor('word of the missing permission', isNotice('not_watched', 'get on pods/log'));
    assert.equal((await withoutLogs.end('SIGINT')).status, 2);
    const refused = await watch(t, ['0'], await restricted('nothing', [])).end();
    assert.equal(refused.status, 2);
    assert.match(refused.stdout, /the permission to get, list and watch pods is needed/);
  });

  function watch(t: TestContext, args: readonly string[], kubeconfig = kubeconfigPath()): MonitorProcess {
    const target = ['--namespace', namespace.name, '--release', RELEASE];
    return new MonitorProcess(t, [...args, ...target], { KUBECONFIG: kubeconfig });
  }

  async function restricted(name: string, rules: readonly Rule[]): Promise<string> {
    return writeKubeconfig(folder, name, await restrictedKubeconfig(namespace.name, name, rules));
  }

  /** Runs a script with the service's own image, as a pod of the release. */
  async function runPod(name: string, script: string, memory = '128Mi'): Promise<void> {
    const image = await kubectl(
      ...['get', 'deployment', release.fullName, '-n', namespace.name],
      ...['-o', 'jsonpath={.spec.template.spec.containers[0].image}'],
    );
    const command = ['/nodejs/bin/node', '-e', script];
    await applyPod(name, { image, imagePullPolicy: 'IfNotPresent', command, resources: { limits: { memory } } });
  }

  async function applyPod(name: string, container: object): Promise<void> {
    const securityContext = {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    };
    await apply(
      stringify({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: namespace.name, labels: LABELS },
        spec: { containers: [{ name: 'main', securityContext, ...container }], terminationGracePeriodSeconds: 1 },
      }),
    );
  }

  async function deletePod(name: string): Promise<void> {
    await kubectl('delete', 'pod', name, '-n', namespace.name);
  }
});

/** Labels that the monitor selects by. The chart's Service asks for one more, so these pods are of no Service. */
const LABELS = {
  'app.kubernetes.io/part-of': 'websocket-message-counter',
  'app.kubernetes.io/component': 'service',
  'app.kubernetes.io/instance': RELEASE,
};
const SEE_PODS: Rule = { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] };
const PROXY_PODS: Rule = { apiGroups: [''], resources: ['pods/proxy'], verbs: ['get'] };
const READ_LOGS: Rule = { apiGroups: [''], resources: ['pods/log'], verbs: ['get'] };

/** A statement that writes an ERROR line. */
function writeError(expression: string): string {
  return `console.log(JSON.stringify({ level: 'ERROR', message: ${expression} }))`;
}

function writeErrors(message: string, count: number): string {
  return `for (let n = 1; n <= ${count}; n += 1) ${writeError(`'${message} ' + n`)};`;
}

function errors(monitor: MonitorProcess, message: string): JsonEvent[] {
  return monitor.events.filter(isProblem('log_error', `"${message}"`));
}

/** Messages that a pod counted since the first snapshot: they may have come over several. */
function messagesOf(monitor: MonitorProcess, pod: string): number {
  const changed = monitor.events.filter(isSnapshot(pod, changes));
  return changed.reduce((sum, { messages }) => sum + Number(messages), 0);
}

/** Whether a snapshot tells of a change: the first has nothing to compare with. */
function changes({ messages }: JsonEvent): boolean {
  return typeof messages === 'number';
}

function ticks(monitor: MonitorProcess): number[] {
  return monitor.events.filter(isProblem('log_error', 'tick ')).map(({ message }) => Number(String(message).slice(5)));
}

function lastTick(monitor: MonitorProcess): number {
  return ticks(monitor).at(-1) ?? NaN;
}
