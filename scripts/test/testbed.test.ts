import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';

const TESTBED = join(import.meta.dirname, '../../testbed');
const ROOT_USER = '#!/bin/sh\necho 0\n';
const OTHER_USER = '#!/bin/sh\ntest "$1" = -u && echo 1000 || echo somebody\n';

describe('The test bed says in one sentence what a machine lacks, and makes nothing', () => {
  const cases: readonly (readonly [what: string, command: string, programs: Record<string, string>, says: RegExp])[] = [
    [
      'root, to start',
      'up',
      { id: OTHER_USER },
      /takes root, and this is somebody; as root, run npm run testbed -- up$/,
    ],
    ['root, to build an image', 'image base', { id: OTHER_USER }, /takes root, and this is somebody; as root, run /],
    ['the cluster, for its images', 'image ls', { id: ROOT_USER }, /is not up; npm run testbed -- up starts it$/],
    ['the cluster, for an addon', 'addons keda', {}, /is not up; npm run testbed -- up starts it$/],
    ['the cluster, to watch', 'monitoring', {}, /is not up; npm run testbed -- up starts it$/],
    ['an option', 'up --frsh', { id: OTHER_USER }, /there is no option '--frsh'; --fresh is the only one$/],
    [
      'a Go that fetches toolchains',
      'build helm',
      { go: '#!/bin/sh\necho go1.19.8\n' },
      /^testbed build: helm can't be built: Go 1\.19\.8 is too old; install Go 1\.21 or later/,
    ],
  ];
  for (const [what, command, programs, says] of cases)
    test(what, (t) => {
      const { folder, env } = machine(t, programs);
      const [script = '', ...args] = command.split(' ');
      const { status, stderr } = spawnSync(join(TESTBED, script), args, { env, encoding: 'utf8' });
      assert.notEqual(status, 0);
      assert.match(stderr.trim(), says);
      assert.equal(stderr.trim().split('\n').length, 1, stderr);
      assert.deepEqual(
        readdirSync(join(folder, 'testbed')).filter((name) => name !== 'bin'),
        [],
      );
    });

  test('a package that apt-get does not have', (t) => {
    const { env } = machine(t, {
      'apt-get': '#!/bin/sh\necho "E: Unable to locate package etcd-server" >&2\nexit 100\n',
    });
    const script = `. ${join(TESTBED, 'requirements')}; install_packages etcd-server`;
    const { status, stderr } = spawnSync('bash', ['-c', script], { env, encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(
      stderr,
      /apt-get install etcd-server fails: E: Unable to locate package etcd-server \(all of it: .*\)$/m,
    );
  });
});

/** A machine with an empty cache and these programs in front of its own. */
function machine(t: TestContext, programs: Record<string, string>): { folder: string; env: NodeJS.ProcessEnv } {
  const folder = mkdtempSync(join(tmpdir(), 'testbed-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  for (const name of ['bin', 'testbed']) mkdirSync(join(folder, name));
  for (const [name, program] of Object.entries(programs))
    writeFileSync(join(folder, 'bin', name), program, { mode: 0o755 });
  const PATH = `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`;
  return { folder, env: { HOME: folder, TMPDIR: folder, TESTBED: join(folder, 'testbed'), PATH } };
}
