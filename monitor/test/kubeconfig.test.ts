import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, describe, test } from 'node:test';
import { stringify } from 'yaml';
import { KubeApi } from '../src/kube-api.ts';
import { readKubeconfig } from '../src/kubeconfig.ts';
import { CannotWatchError } from '../src/report.ts';

const folder = mkdtempSync(join(tmpdir(), 'kubeconfig-'));
const before = { KUBECONFIG: process.env['KUBECONFIG'], HOME: process.env['HOME'] };
after(() => {
  rmSync(folder, { recursive: true });
});
afterEach(() => {
  for (const [name, value] of Object.entries(before))
    if (value === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = value;
});

interface Contents {
  readonly current?: string;
  readonly server?: string;
  readonly cluster?: object;
  readonly user?: object;
  readonly names?: string;
}

/** Writes a kubeconfig whose cluster, user and context have one name. @returns its path */
function file(
  name: string,
  { current, server = 'http://one', cluster = {}, user = {}, names = 'one' }: Contents,
): string {
  return fileOf(
    name,
    stringify({
      ...{ apiVersion: 'v1', kind: 'Config' },
      ...(current !== undefined && { 'current-context': current }),
      clusters: [{ name: names, cluster: { server, ...cluster } }],
      users: [{ name: names, user }],
      contexts: [{ name: names, context: { cluster: names, user: names, namespace: `ns-${names}` } }],
    }),
  );
}

function fileOf(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe('KUBECONFIG', () => {
  test('may list files that are missing, empty names, and a file twice', () => {
    const one = file('one', { current: 'one' });
    process.env['KUBECONFIG'] = [join(folder, 'missing'), '', one, one, ''].join(':');
    assert.deepEqual(
      readKubeconfig(undefined)
        .getContexts()
        .map(({ name }) => name),
      ['one'],
    );
  });

  test('takes a cluster, user or context that two files name from the first, and what one alone has from it', () => {
    const first = file('first', { server: 'http://first', user: { token: 'first' } });
    const second = file('second', { current: 'one', server: 'http://second', user: { token: 'second' } });
    const third = file('third', { current: 'three', server: 'http://three', names: 'three' });
    process.env['KUBECONFIG'] = [first, second, third].join(':');
    const config = readKubeconfig(undefined);
    assert.equal(config.getCurrentContext(), 'one', 'the first that is set');
    assert.equal(config.getCurrentCluster()?.server, 'http://first');
    assert.equal(config.getCurrentUser()?.token, 'first');
    assert.equal(config.getCluster('three')?.server, 'http://three');
  });

  test('takes an empty file for an empty kubeconfig', () => {
    process.env['KUBECONFIG'] = [
      fileOf('empty', ''),
      fileOf('comment', '# nothing\n'),
      file('one', { current: 'one' }),
    ].join(':');
    assert.equal(readKubeconfig(undefined).getCurrentCluster()?.server, 'http://one');
  });

  test('names the file that can not be read', () => {
    for (const content of ['{{{', '- a\n- list', 'text', '\0\x01', 'clusters: [1]']) {
      process.env['KUBECONFIG'] = `${file('one', { current: 'one' })}:${fileOf('wrong', content)}`;
      assert.throws(() => readKubeconfig(undefined), sentence(/\/wrong can not be read: [^\n]+$/), content);
    }
    process.env['KUBECONFIG'] = folder;
    assert.throws(() => readKubeconfig(undefined), sentence(/can not be read: EISDIR/));
  });

  test('that names nothing that is there leads to advice', () => {
    process.env['HOME'] = folder;
    for (const list of ['', ':', join(folder, 'missing'), `:${join(folder, 'missing')}:`]) {
      process.env['KUBECONFIG'] = list;
      assert.throws(() => readKubeconfig(undefined), sentence(/set KUBECONFIG, or give --kubeconfig/), list);
    }
  });

  test('yields to --kubeconfig, whose file must be there', () => {
    process.env['KUBECONFIG'] = file('one', { current: 'one' });
    assert.throws(() => readKubeconfig(join(folder, 'missing')), sentence(/no such file/));
    const other = file('other', { current: 'other', server: 'http://other', names: 'other' });
    assert.equal(readKubeconfig(other).getCurrentCluster()?.server, 'http://other');
  });
});

describe('the server of a kubeconfig', () => {
  const CASES: readonly (readonly [contents: Contents, url: string])[] = [
    [{ server: '127.0.0.1:1' }, 'http://127.0.0.1:1'],
    [{ server: 'localhost:8443' }, 'http://localhost:8443'],
    [{ server: 'kube.example.com' }, 'http://kube.example.com'],
    [{ server: '[::1]:6443' }, 'http://[::1]:6443'],
    [{ server: '127.0.0.1:1', cluster: { 'certificate-authority-data': 'YQ==' } }, 'https://127.0.0.1:1'],
    [{ server: '127.0.0.1:1', cluster: { 'insecure-skip-tls-verify': true } }, 'https://127.0.0.1:1'],
    [{ server: '127.0.0.1:1', user: { 'client-certificate-data': 'YQ==' } }, 'https://127.0.0.1:1'],
    [{ server: 'https://host/k8s/clusters/c-1/' }, 'https://host/k8s/clusters/c-1'],
    [{ server: 'HTTPS://Host:443' }, 'https://host'],
  ];
  for (const [contents, url] of CASES)
    test(`${JSON.stringify(contents)} is ${url}, as kubectl reads it`, () => {
      const api = new KubeApi({ kubeconfig: file('server', { current: 'one', ...contents }) });
      assert.equal(api.config.getCurrentCluster()?.server, url);
      assert.equal(api.host, new URL(url).host);
    });

  for (const server of ['', 'ftp://secret@host', 'https://u:secret%zz@host', '127.0.0.1:99999', 'a b', '::1'])
    test(`${JSON.stringify(server)} is refused in a sentence`, () => {
      const kubeconfig = file('server', { current: 'one', server });
      assert.throws(
        () => new KubeApi({ kubeconfig }),
        (error: unknown) => {
          assert.ok(error instanceof CannotWatchError);
          assert.match(error.message, /^(the server ".*" of the cluster "one" |.* can not be read: )[^\n]+$/);
          assert.doesNotMatch(error.message, /secret/);
          return true;
        },
      );
    });

  test('without a current context there is advice', () => {
    assert.throws(
      () => new KubeApi({ kubeconfig: file('none', {}) }),
      sentence(/^it has no current context; choose one with --context: one$/),
    );
  });

  test('credentials that can not be used are named, and not shown', async () => {
    const users: readonly (readonly [user: object, words: RegExp])[] = [
      [{ 'client-certificate': '/nowhere/c', 'client-key': '/nowhere/k' }, /ENOENT.*\/nowhere\//],
      [{ exec: plugin('no-such-plugin') }, /no-such-plugin/],
      [{ exec: plugin('echo', 'a-secret') }, /what the credential plugin printed is no JSON/],
      [{ exec: plugin('false') }, /its certificates or credentials can not be used: the credential plugin failed/],
    ];
    for (const [user, words] of users) {
      const api = new KubeApi({ kubeconfig: file('user', { current: 'one', server: 'https://127.0.0.1:1', user }) });
      await assert.rejects(api.get('/', 1000), (error: unknown) => {
        assert.ok(error instanceof CannotWatchError, String(error));
        assert.match(error.message, words);
        assert.doesNotMatch(error.message, /a-secret|\n/);
        return true;
      });
    }
  });
});

function plugin(command: string, ...args: string[]): object {
  return { apiVersion: 'client.authentication.k8s.io/v1', command, args, interactiveMode: 'Never' };
}

function sentence(words: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof CannotWatchError && words.test(error.message) && !error.message.includes('\n');
}
