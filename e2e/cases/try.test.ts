import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { after, describe, test } from 'node:test';
import { CounterClient } from '../../client/client.js';
import { ROOT, TOOL_ENV } from '../../scripts/chart/tools.ts';
import { kubectl, run, runWell } from '../support/commands.ts';
import { figure, progress } from '../support/figures.ts';
import { Prometheus } from '../support/prometheus.ts';
import { hasTestbed } from '../support/testbed.ts';
import { secondsSince, until } from '../support/wait.ts';

const SKIP = hasTestbed() ? false : 'the test bed is not there';
const PROGRAM = ['node', 'try/src/main.ts'];
/** The usual ports may be in use. */
const ARGUMENTS = ['--on', 'testbed', '--port-offset', '20000', '--no-open'];
/** Longest that it may take to come up, in seconds. */
const UP_SECONDS = 180;

describe('npm run try on the test bed', { skip: SKIP }, () => {
  let trial: ChildProcess | undefined;
  let output = '';

  after(async () => {
    trial?.kill('SIGINT');
    await run('npx', [...PROGRAM, '--down']);
  });

  test('comes up, and prints where', async () => {
    const began = performance.now();
    trial = spawn(process.execPath, [...PROGRAM.slice(1), ...ARGUMENTS], {
      cwd: ROOT,
      env: TOOL_ENV,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [trial.stdout, trial.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
    await until('"It is up."', UP_SECONDS, () => /^It is up\.$/m.test(output) || trial?.exitCode !== null).catch(say);
    if (trial.exitCode !== null) say(new Error(`it ended with ${trial.exitCode}`));
    figure('npm run try until it is up', `${secondsSince(began)} s`, 'base images built before');
  });

  test('counts a message at the address it prints', async () => {
    const client = new CounterClient(`${addressOf('console page').replace(/^http/, 'ws')}ws/chat/`);
    try {
      assert.equal((await client.ask('hello')).count, 1);
    } finally {
      client.close();
    }
  });

  test('has a Prometheus that counted it', async () => {
    const prometheus = new Prometheus(new URL(addressOf('Prometheus')).origin);
    const began = performance.now();
    await until('the message in Prometheus', 60, async () => {
      return (await prometheus.value('sum(websocket_messages_total)')) === 1;
    });
    figure('message to Prometheus', `${secondsSince(began)} s`);
  });

  test('ends its forwards at Ctrl-C, and keeps the release', async () => {
    assert.ok(trial !== undefined);
    trial.kill('SIGINT');
    const [status] = (await once(trial, 'close')) as [number | null];
    assert.equal(status, 0);
    assert.match(await runWell('helm', ['list', '--namespace', 'websocket-try', '--short']), /^try$/m);
  });

  test('leaves nothing behind after --down', async () => {
    const began = performance.now();
    assert.match(await runWell('npx', [...PROGRAM, '--down']), /It is gone\.\n$/);
    figure('npm run try -- --down', `${secondsSince(began)} s`);
    assert.doesNotMatch(await kubectl('get', 'namespaces', '--output=name'), /websocket-try/);
    const of = '--selector=app.kubernetes.io/instance=try';
    assert.equal(await kubectl('get', 'clusterroles,clusterrolebindings', of, '--output=name'), '');
  });

  /** An address that it printed. */
  function addressOf(part: string): string {
    const address = new RegExp(`^ *${part} +(http\\S+)$`, 'm').exec(output)?.[1];
    assert.ok(address !== undefined, `no address of ${part} in\n${output}`);
    return address;
  }

  function say(error: unknown): never {
    progress(output);
    throw error;
  }
});
