import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { KubeServer, kubeconfigOf, NAMESPACE } from './support/kube-server.ts';
import { MonitorHere } from './support/monitor-here.ts';
import { metricsText } from './support/metrics.ts';
import {
  isAboutApiServer,
  isNotice,
  isProblem,
  isSnapshot,
  MonitorProcess,
  problemsOf,
  type JsonEvent,
} from '../../testkit/monitor-process.ts';

/** A container that ended, as its status has it. */
function ended(containerID: string, exitCode: number, reason: string): object {
  return { terminated: { containerID, exitCode, reason, finishedAt: new Date().toISOString() } };
}

async function watch(t: TestContext, kube: KubeServer, ...args: string[]): Promise<MonitorHere> {
  const monitor = new MonitorHere(t, ['0', '-n', NAMESPACE, '--kubeconfig', kube.kubeconfig, ...args]);
  await monitor.waitFor('the first total', isSnapshot('total'));
  return monitor;
}

/** A server with one pod whose log is followed. */
async function watchOnePod(t: TestContext): Promise<{ kube: KubeServer; monitor: MonitorHere }> {
  const kube = await KubeServer.start(t);
  kube.metrics.set('one', () => metricsText());
  kube.setPod('one');
  const monitor = await watch(t, kube, '--interval', '0.5');
  await monitor.until('its log to be followed', () => kube.followers('one') === 1);
  return { kube, monitor };
}

function error(message: string): object {
  return { level: 'ERROR', logger: 'chat.test', event: 'websocket_internal_error', message };
}

function errors(monitor: MonitorHere): string[] {
  return monitor.events.filter(isProblem('log_error')).map(({ line }) => (line as { message: string }).message);
}

// Most of each test is waiting for a process.
describe('the monitor in a cluster', { concurrency: 4 }, () => {
  test('metrics of all pods are shown each and in sum, with rates', async (t) => {
    const kube = await KubeServer.start(t);
    let messages = 0;
    for (const pod of ['one', 'two']) {
      kube.setPod(pod);
      kube.metrics.set(pod, () => metricsText({ messages, connections: 3 }));
    }
    const args = ['0', '-n', NAMESPACE, '--interval', '0.5'];
    const monitor = new MonitorProcess(t, args, { KUBECONFIG: kube.kubeconfig });
    await monitor.waitFor('the first total', isSnapshot('total'));
    messages = 100;
    const total = await monitor.waitFor(
      'the sum',
      isSnapshot('total', (event) => event['messages'] === 200),
    );
    assert.equal(total['pods'], 2);
    assert.equal(total['connections'], 6);
    assert.equal(total['connections_limit'], 20_000);
    const run = await monitor.end('SIGINT');
    assert.equal(run.status, 0);
    assert.equal((run.summary?.['totals'] as { messages: number }).messages, 200);
  });

  test('a log stream that ends or breaks though its container runs is opened again; no line is lost or reported twice', async (t) => {
    const { kube, monitor } = await watchOnePod(t);
    kube.write('one', error('before'));
    await monitor.until('the first line', () => errors(monitor).length === 1);
    for (const how of ['broken', 'in order'] as const) {
      kube.endLogStreams('one', how);
      kube.write('one', error(`while it was ${how}`));
      await monitor.until('the stream', () => kube.followers('one') === 1);
    }
    kube.write('one', error('after'));
    await monitor.until('the last line', () => errors(monitor).includes('after'));
    assert.deepEqual(errors(monitor), ['before', 'while it was broken', 'while it was in order', 'after']);
    assert.equal((await monitor.interrupt()).status, 1);
  });

  test('what an instance said while its log could not be read is read after its restart', async (t) => {
    const { kube, monitor } = await watchOnePod(t);
    kube.write('one', error('first'));
    await monitor.until('the first line', () => errors(monitor).length === 1);
    kube.down();
    await monitor.waitFor('word of the absence', isAboutApiServer('not_watched'));
    kube.write('one', error('last words'));
    kube.rotateInstance('one');
    kube.setPod('one', { restarts: 1, lastState: ended('a', 1, 'Error') });
    kube.write('one', error('the next instance'));
    await kube.up();
    await monitor.until('all lines', () => errors(monitor).length === 3);
    assert.deepEqual(errors(monitor), ['first', 'last words', 'the next instance']);
    const run = await monitor.interrupt();
    assert.ok(problemsOf(run).includes('container_failed: container main ended: Error, exit status 1'));
    assert.deepEqual(
      (run.summary?.['gaps'] as { part: string }[]).map(({ part }) => part),
      ['API server'],
    );
  });

  test('an API server that takes connections and does not answer is away too', async (t) => {
    const { kube, monitor } = await watchOnePod(t);
    kube.hangs = true;
    await monitor.waitFor('word of it', isAboutApiServer('not_watched'));
    kube.hangs = false;
    await monitor.waitFor('its return', isAboutApiServer('watched_again'));
    assert.equal((await monitor.interrupt()).status, 0);
  });

  test('an API server that is away at the end makes the watch one that could not be', async (t) => {
    const { kube, monitor } = await watchOnePod(t);
    kube.down();
    await monitor.waitFor('word of it', isAboutApiServer('not_watched'));
    const run = await monitor.interrupt();
    assert.equal(run.status, 2);
    assert.deepEqual(run.summary?.['missing'], ['API server']);
  });

  test('pods that come and go are watched', async (t) => {
    const { kube, monitor } = await watchOnePod(t);
    kube.metrics.set('two', () => metricsText());
    kube.setPod('two');
    await monitor.waitFor('the pod that came', isNotice('pod_added', 'added: '));
    kube.deletePod('one');
    await monitor.waitFor('the pod that went', isNotice('pod_gone'));
    const run = await monitor.interrupt();
    assert.deepEqual(run.summary?.['missing'], []);
    assert.equal(run.status, 0);
  });

  test('lines of pods that come later are read from their beginning, older ones of older pods are not', async (t) => {
    const kube = await KubeServer.start(t);
    kube.setPod('old');
    kube.write('old', error('before the watch'), Date.now() - 60_000);
    const monitor = await watch(t, kube);
    kube.write('young', error('at its start'));
    kube.setPod('young');
    await monitor.until('its line', () => errors(monitor).length > 0);
    assert.deepEqual(errors(monitor), ['at its start']);
    await monitor.interrupt();
  });

  test('a restart, a kill for memory and a crash loop are reported once each, with what Kubernetes says', async (t) => {
    const { kube, monitor } = await watchOnePod(t);
    kube.setPod('one', { ready: false, state: ended('a', 137, 'OOMKilled') });
    kube.setPod('one', { restarts: 1, lastState: ended('a', 137, 'OOMKilled') });
    // Ended by its liveness probe: with status 0, and started again.
    kube.setPod('one', { restarts: 2, lastState: ended('b', 0, 'Completed') });
    const waiting = { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } };
    kube.setPod('one', { ready: false, restarts: 2, state: waiting, lastState: ended('c', 1, 'Error') });
    await monitor.waitFor('the crash loop', isProblem('container_failed', 'CrashLoopBackOff'));
    const run = await monitor.interrupt();
    assert.deepEqual(problemsOf(run), [
      'oom_killed: container main ended: OOMKilled, exit status 137',
      'restarted: container main was restarted',
      'container_failed: container main ended: Error, exit status 1',
      'container_failed: container main does not start: CrashLoopBackOff',
    ]);
    assert.equal(run.events.filter(isNotice('restarted', 'was restarted; 1 restarts')).length, 1);
  });

  test('what happened to a pod before the watch is shown and is no problem', async (t) => {
    const kube = await KubeServer.start(t);
    kube.metrics.set('one', () => metricsText());
    kube.setPod('one', { restarts: 4, lastState: ended('a', 137, 'OOMKilled') });
    const monitor = await watch(t, kube);
    const run = await monitor.interrupt();
    assert.equal(run.status, 0);
    const { health } = run.events.find(isSnapshot('one')) as JsonEvent & { health: Record<string, unknown> };
    assert.equal(health['restarts'], 4);
    assert.match(String(health['last_termination']), /^OOMKilled, exit status 137 at /);
  });

  test('readiness that fails is a problem while a pod serves, and none while it ends', async (t) => {
    const { kube, monitor } = await watchOnePod(t);
    kube.setPod('two', { terminating: true });
    kube.setPod('two', { terminating: true, ready: false });
    kube.setPod('one', { ready: false });
    await monitor.waitFor('the problem', isProblem('not_ready'));
    const run = await monitor.interrupt();
    assert.deepEqual(problemsOf(run), ['not_ready: not ready any more']);
    assert.equal(run.events.find(isProblem('not_ready'))?.['source'], 'one');
  });

  test('a pod that does not get ready is a problem at the end, unless it is young', async (t) => {
    const kube = await KubeServer.start(t);
    kube.setPod('old', { ready: false, created: new Date(Date.now() - 60_000) });
    kube.setPod('young', { ready: false });
    const run = await (await watch(t, kube)).interrupt();
    assert.deepEqual(problemsOf(run), ['not_ready: not ready at the end of the watch']);
    assert.equal(run.events.find(isProblem('not_ready'))?.['source'], 'old');
  });

  test('errors that the service counts are a problem if they are its own, and shown by type if they are not', async (t) => {
    const kube = await KubeServer.start(t);
    kube.setPod('one');
    let values = {};
    kube.metrics.set('one', () => metricsText(values));
    const monitor = await watch(t, kube, '--interval', '0.3');
    values = { internalErrors: 2, clientErrors: 30, dropped: 5 };
    const snapshot = await monitor.waitFor(
      'the errors',
      isSnapshot('one', (event) => Object.keys(event['errors_per_second'] ?? {}).length > 0),
    );
    assert.deepEqual(Object.keys(snapshot['errors_per_second'] as object), ['internal', 'rate_limited']);
    assert.deepEqual(problemsOf(await monitor.interrupt()), [
      'server_errors: websocket_errors_total{type="internal"} grew',
      'log_lines_dropped: log lines were dropped',
    ]);
  });

  test('a pod whose metrics can not be read leaves the watch incomplete', async (t) => {
    const kube = await KubeServer.start(t);
    kube.setPod('one');
    const monitor = await watch(t, kube);
    await monitor.waitFor('word of it', isNotice('not_watched', 'error trying to reach service'));
    const run = await monitor.interrupt();
    assert.equal(run.status, 2);
    assert.deepEqual(run.summary?.['missing'], ['metrics of one']);
  });

  test('an API server that never answers, or does not show the pods, can not be watched', async (t) => {
    const kube = await KubeServer.start(t);
    const watched = ['-n', NAMESPACE, '--kubeconfig', kube.kubeconfig];
    kube.forbidden = /\/pods$/;
    const refused = await new MonitorHere(t, watched).ended();
    assert.equal(refused.status, 2);
    assert.match(refused.stdout, /the permission to get, list and watch pods is needed/);
    kube.down();
    const away = await new MonitorHere(t, watched).ended();
    assert.equal(away.status, 2);
    assert.match(away.stdout, /connection refused at 127\.0\.0\.1/);
  });

  test('what the kubeconfig does not say is said in a sentence, without the credentials in it', async (t) => {
    const kube = await KubeServer.start(t);
    const wrong = join(dirname(kube.kubeconfig), 'wrong');
    const cases: readonly (readonly [args: string[], content: string, words: RegExp])[] = [
      [
        ['--kubeconfig', kube.kubeconfig, '--context', 'there'],
        '',
        /it has no context \\"there\\" with a cluster; choose one with --context: here/,
      ],
      [['--kubeconfig', '/no/such/file'], '', /no such file or directory, open '\/no\/such\/file'/],
      [['--kubeconfig', wrong], '{{{', /kubeconfig.*\/wrong can not be read/],
      [['--kubeconfig', wrong], kubeconfigOf('127.0.0.1:1'), /connection refused at 127\.0\.0\.1:1/],
      [['--kubeconfig', wrong], kubeconfigOf('me:secret@127.0.0.1:1'), /connection refused at 127\.0\.0\.1:1/],
      [
        ['--kubeconfig', wrong],
        kubeconfigOf('http://me:secret@:1'),
        /the server \\"http:\/\/\*\*\*@:1\\" of the cluster \\"\w+\\" must be a URL such as/,
      ],
      [['--kubeconfig', wrong], kubeconfigOf('http://me:secret@127.0.0.1:1'), /connection refused at 127\.0\.0\.1:1/],
    ];
    for (const [args, content, words] of cases) {
      await writeFile(wrong, content);
      const { stdout, status } = await new MonitorHere(t, args).ended();
      assert.match(stdout, words);
      assert.doesNotMatch(stdout, /secret| {4}at /);
      assert.equal(status, 2);
    }
  });

  test('a release without pods is said to have none', async (t) => {
    const { kubeconfig } = await KubeServer.start(t);
    const { stdout, status } = await new MonitorProcess(t, ['0.5', '-r', 'demo'], { KUBECONFIG: kubeconfig }).end();
    assert.match(stdout, /none with .*instance=demo/);
    assert.equal(status, 2);
  });
});
