import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { Client } from '../../testkit/client.ts';
import { ServiceProcess } from '../../testkit/process.ts';
import { isNotice, isProblem, isSnapshot, MonitorProcess, problemsOf } from '../../testkit/monitor-process.ts';
import { ServiceServer } from './support/service-server.ts';

const SCRIPT = new URL('../../scripts/monitor.sh', import.meta.url).pathname;
const ERROR = { level: 'ERROR', logger: 'chat.test', event: 'websocket_internal_error', message: 'A message failed' };

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'monitor-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

function watch(t: TestContext, url: string, ...args: string[]): MonitorProcess {
  return new MonitorProcess(t, ['0', '--interval', '0.5', '--url', url, ...args]);
}

function messages(monitor: MonitorProcess): unknown[] {
  return monitor.events.filter(isProblem('log_error')).map(({ line }) => (line as { n?: unknown }).n);
}

// Most of each test is waiting for a process.
describe('the monitor of a local service', { concurrency: 4 }, () => {
  test('a service at work is healthy, and its messages and connections are counted', async (t) => {
    const service = await ServiceProcess.start(t);
    const monitor = watch(t, service.origin);
    await monitor.waitFor('a snapshot', isSnapshot('service'));
    const client = await Client.open(service.url);
    for (let n = 1; n <= 20; n += 1) await client.count();
    const snapshot = await monitor.waitFor(
      'the messages',
      isSnapshot('service', (event) => event['messages'] === 20 || event['connections'] === 1),
    );
    assert.equal(snapshot['connections_limit'], 10_000);
    assert.equal(snapshot['state'], 'ready');
    assert.ok(Number(snapshot['memory_bytes']) > 10_000_000);
    await client.close();
    await monitor.waitFor(
      'the close',
      isSnapshot('service', (event) => event['closed'] === 1),
    );
    const run = await monitor.end('SIGINT');
    assert.equal(run.status, 0);
    assert.equal(run.summary?.['ending'], 'interrupted');
    const totals = run.summary['totals'] as Record<string, number | Record<string, number>>;
    assert.equal(totals['messages'], 20);
    assert.equal(totals['opened'], 1);
    assert.equal(totals['closed'], 1);
  });

  test('errors of clients are shown by type and are no problem', async (t) => {
    const service = await ServiceProcess.start(t);
    const monitor = watch(t, service.origin);
    await monitor.waitFor('a snapshot', isSnapshot('service'));
    const client = await Client.open(service.url);
    client.socket.send(Buffer.from([1]));
    await client.closed;
    await monitor.waitFor(
      'the error',
      isSnapshot('service', (event) => JSON.stringify(event['errors_per_second']).includes('binary_message')),
    );
    const run = await monitor.end('SIGINT');
    assert.equal(run.status, 0);
    assert.deepEqual((run.summary?.['totals'] as { errors: object }).errors, { binary_message: 1 });
  });

  test('a drain is told; a service that does not come back after it is a problem at the end', async (t) => {
    const service = await ServiceProcess.start(t);
    const monitor = watch(t, service.origin);
    await monitor.waitFor('its readiness', isNotice('reachable', 'ready'));
    const client = await Client.open(service.url);
    // A client that does not answer its close keeps the drain going for CLOSE_TIMEOUT_SECONDS.
    client.socket.pause();
    service.signal('SIGTERM');
    await monitor.waitFor('the drain', isNotice('draining', 'drains'));
    await monitor.waitFor('the end', isNotice('draining', 'stopped after its drain'));
    const run = await monitor.end('SIGINT');
    assert.deepEqual(problemsOf(run), ['unreachable: stopped after a drain and did not come back']);
  });

  test('a service that is killed is a problem at once, and its next process is told', async (t) => {
    const service = await ServiceProcess.start(t);
    const monitor = watch(t, service.origin);
    await monitor.waitFor('a snapshot', isSnapshot('service'));
    service.signal('SIGKILL');
    await monitor.waitFor('its absence', isProblem('unreachable', 'had not drained'));
    const next = new ServiceProcess({ PORT: String(service.port) });
    t.after(() => next.child.kill('SIGKILL'));
    await monitor.waitFor('its return', isNotice('reachable'));
    await monitor.waitFor('the other process', isNotice('restarted'));
    const run = await monitor.end('SIGINT');
    assert.equal(run.status, 1);
    assert.equal(problemsOf(run).length, 1);
  });

  test('a log that is piped in is read for errors, and the pipe never holds up the service', async (t) => {
    const service = await ServiceServer.start(t);
    const args = ['0', '--interval', '0.5', '--url', service.url, '--warn'];
    const monitor = new MonitorProcess(t, args, {}, 'pipe');
    const pipe = monitor.child.stdin;
    assert.ok(pipe !== null);
    pipe.write('> websocket-message-counter@0.1.0 start\n');
    pipe.write(`${JSON.stringify({ level: 'INFO', message: 'fine' })}\n`);
    pipe.write(`${JSON.stringify({ level: 'WARN', message: 'slow' })}\n${JSON.stringify(ERROR).slice(0, 20)}`);
    pipe.write(`${JSON.stringify(ERROR).slice(20)}\nTypeError: Cannot read properties\n    at main.ts:1:1\n`);
    await monitor.waitFor('the crash', isProblem('log_error', 'TypeError'));
    pipe.end();
    await monitor.waitFor('the end of the pipe', isNotice('stream', 'ended'));
    await monitor.waitFor('a snapshot', isSnapshot('service'));
    const run = await monitor.end('SIGINT');
    assert.deepEqual(problemsOf(run), [
      'log_error: websocket_internal_error: A message failed',
      'log_error: TypeError: Cannot read properties',
    ]);
    assert.equal(run.events.filter(({ type }) => type === 'log').length, 1, 'WARN is shown, and is no problem');
    assert.deepEqual(run.summary?.['log'], { lines: 6, by_level: { unstructured: 3, INFO: 1, WARN: 1, ERROR: 1 } });
  });

  test('a log file is read from its end, through rotation, truncation and its absence', async (t) => {
    const service = await ServiceServer.start(t);
    const path = join(await folderFor(t), 'service.log');
    const write = (n: number): Promise<void> => appendFile(path, `${JSON.stringify({ ...ERROR, n })}\n`);
    const read = (monitor: MonitorProcess, n: number) =>
      monitor.until(`line ${n}`, () => messages(monitor).includes(n));
    await write(0);
    const monitor = watch(t, service.url, '--log-file', path);
    await monitor.waitFor('a snapshot', isSnapshot('service'));
    await write(1);
    await read(monitor, 1);
    await rename(path, `${path}.1`);
    await appendFile(`${path}.1`, `${JSON.stringify({ ...ERROR, n: 2 })}\n`);
    await write(3);
    await read(monitor, 3);
    await truncate(path, 0);
    await monitor.waitFor('word of it', isNotice('stream', 'truncated'));
    await write(4);
    await read(monitor, 4);
    await rm(path);
    await write(5);
    await read(monitor, 5);
    await monitor.end('SIGINT');
    assert.deepEqual(messages(monitor), [1, 2, 3, 4, 5]);
  });

  test('a log file that is not there yet is read from its beginning when it comes', async (t) => {
    const service = await ServiceServer.start(t);
    const path = join(await folderFor(t), 'service.log');
    const monitor = watch(t, service.url, '--log-file', path);
    await monitor.waitFor('word of it', isNotice('not_watched', 'no such file'));
    await writeFile(path, `${JSON.stringify({ ...ERROR, n: 1 })}\n`);
    await monitor.until('its line', () => messages(monitor).length === 1);
    const run = await monitor.end('SIGINT');
    assert.equal(run.status, 1);
    assert.deepEqual(run.summary?.['missing'], []);
  });

  test('a flood of one error is printed a few times and counted whole', async (t) => {
    const service = await ServiceServer.start(t);
    const args = ['0', '--interval', '0.5', '--url', service.url];
    const monitor = new MonitorProcess(t, args, {}, 'pipe');
    monitor.child.stdin?.end(`${JSON.stringify(ERROR)}\n`.repeat(10_000));
    await monitor.waitFor('the end of the pipe', isNotice('stream', 'ended'));
    await monitor.waitFor('the count', ({ type }) => type === 'repeated');
    const run = await monitor.end('SIGINT');
    const [problem] = run.summary?.['problems'] as { count: number }[];
    assert.equal(problem?.count, 10_000);
    assert.ok(run.events.filter(isProblem('log_error')).length <= 10);
  });

  test('liveness and readiness that fail are problems, and so are the errors that the service calls its own', async (t) => {
    const service = await ServiceServer.start(t);
    const monitor = watch(t, service.url);
    await monitor.waitFor('a snapshot', isSnapshot('service'));
    service.alive = false;
    await monitor.waitFor('liveness', isProblem('unhealthy'));
    service.readiness = { status: 'full', ready: false, shutting_down: false };
    await monitor.waitFor('readiness', isProblem('not_ready', 'full'));
    service.metrics = { internalErrors: 3 };
    await monitor.waitFor('the errors', isProblem('server_errors', 'by 3'));
    assert.deepEqual(problemsOf(await monitor.end('SIGINT')).sort(), [
      'not_ready: readiness failed without a drain',
      'server_errors: websocket_errors_total{type="internal"} grew',
      'unhealthy: /healthz/ does not answer 200',
    ]);
  });

  test('Ctrl-C that comes twice, from the terminal and from npm, ends the watch with its summary', async (t) => {
    const service = await ServiceServer.start(t);
    const monitor = watch(t, service.url);
    await monitor.waitFor('a snapshot', isSnapshot('service'));
    monitor.child.kill('SIGINT');
    const run = await monitor.end('SIGINT');
    assert.equal(run.summary?.['ending'], 'interrupted');
    assert.equal(run.status, 0);
  });

  test('a drained process that waits for its last scrape is read, and waits on for Prometheus', async (t) => {
    const service = await ServiceProcess.start(t, { METRICS_PORT: '0', FINAL_SCRAPE_WAIT_SECONDS: '60' });
    service.signal('SIGTERM');
    await service.event('drain_finished');
    const monitor = watch(t, `http://127.0.0.1:${service.metricsPort}`);
    await monitor.waitFor('a snapshot', isSnapshot('service'));
    monitor.child.kill('SIGINT');
    assert.deepEqual(problemsOf(await monitor.end('SIGINT')), []);
    assert.equal(service.child.exitCode, null);
    await service.scrape();
    assert.equal((await service.exited).status, 0);
  });

  test('a service that never answers can not be watched', async (t) => {
    const service = await ServiceServer.start(t);
    const url = service.url;
    service.close();
    const run = await new MonitorProcess(t, ['0.5', '--url', url]).end();
    assert.equal(run.status, 2);
    assert.deepEqual(run.summary?.['missing'], [url]);
    assert.match(run.stdout, /connection refused at 127\.0\.0\.1/);
  });

  test('the time that is given is the time it takes', async (t) => {
    const service = await ServiceServer.start(t);
    const run = await new MonitorProcess(t, ['1.5', '--url', service.url]).end();
    assert.equal(run.summary?.['ending'], 'time');
    const watched = Number(run.summary['watched_seconds']);
    assert.ok(watched >= 1.5 && watched < 10, `${watched} s`);
  });

  test('the script finds its program from anywhere, by a link too, and passes the exit status on', async (t) => {
    const folder = await folderFor(t);
    const service = await ServiceServer.start(t);
    await writeFile(join(folder, 'service.log'), '');
    const link = spawn('ln', ['-s', SCRIPT, join(folder, 'watch')]);
    await once(link, 'close');
    const args = ['0.5', '--url', service.url, '--log-file', 'service.log'];
    const script = spawn(join(folder, 'watch'), args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
    let stdout = '';
    script.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    const [status] = (await once(script, 'close')) as [number];
    assert.equal(status, 0);
    assert.match(stdout, /Summary: healthy/);
    assert.match(stdout, /log: service\.log/);
  });
});
