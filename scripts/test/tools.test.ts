import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { describeMissing, isInstallable, TOOLS } from '../tools.ts';

/** Where Debian's package has it. */
const HAPROXY = '/usr/sbin/haproxy';
const FREE = { apt: undefined, go: undefined };

describe('A tool that is missing', () => {
  test('is installed where nothing is in the way', () => {
    for (const tool of [TOOLS.redis, TOOLS.helm]) assert.ok(isInstallable(tool, FREE));
  });

  test('of Debian is left out without root, one built from source without Go', () => {
    const noRoot = { apt: 'not root', go: undefined };
    assert.ok(!isInstallable(TOOLS.redis, noRoot));
    assert.ok(isInstallable(TOOLS.helm, noRoot));
    const noGo = { apt: undefined, go: 'no Go' };
    assert.ok(isInstallable(TOOLS.redis, noGo));
    assert.ok(!isInstallable(TOOLS.helm, noGo));
  });

  test('is reported with what is skipped, why, and the command that gets it', () => {
    const text = describeMissing([TOOLS.redis, TOOLS.helm], { apt: 'not root', go: 'no Go' });
    assert.match(text, /^── SKIPPED: .* are missing\n/);
    assert.match(text, /Go, to build tools from source: version 1\.21 or later, from https:/);
    assert.match(
      text,
      /redis-server, redis-sentinel, for .* \(not installed: not root\):\n +(sudo )?apt-get install -y redis-server redis-sentinel\n/,
    );
    assert.match(text, /helm, for .* \(not installed: no Go\):\n +npm run testbed -- build helm$/);
  });

  test('of Debian has no Go as its reason on no machine', () => {
    const text = describeMissing([TOOLS.haproxy, TOOLS.helm], { apt: undefined, go: 'no Go' });
    assert.match(text, /haproxy, for random faults:\n/);
    assert.match(text, /helm, for .* \(not installed: no Go\):\n/);
  });

  test('has npm run setup as its answer where that would install it', () => {
    assert.match(describeMissing([TOOLS.helm], FREE), /^── SKIPPED: .*npm run setup installs them/);
  });
});

test(
  'a server of Debian is found by a user whose PATH lacks its folder',
  { skip: !existsSync(HAPROXY) && 'no HAProxy' },
  (t) => {
    const { PATH } = process.env;
    t.after(() => {
      process.env['PATH'] = PATH;
    });
    process.env['PATH'] = '/usr/bin:/bin';
    assert.equal(TOOLS.haproxy.find(), HAPROXY);
  },
);

test('npm test -- --no-install installs nothing, and says what it skips', () => {
  const cache = mkdtempSync(join(tmpdir(), 'tools-'));
  after(() => {
    rmSync(cache, { recursive: true });
  });
  // Neither a skip as a failure, nor reports in the format of this file's runner.
  const unset = { CI: undefined, NODE_TEST_CONTEXT: undefined };
  const empty = { ...process.env, ...unset, TESTBED: join(cache, 'testbed'), PATH: cache };
  const args = ['scripts/test.ts', '--no-install', 'lib/test/metrics-text.test.ts'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { env: empty, encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
  // Found wherever PATH points.
  const { haproxy: _haproxy, iptables: _iptables, faketime: _faketime, ...others } = TOOLS;
  for (const { name } of Object.values(others)) assert.ok(stdout.includes(`   ${name}, for `), name);
  assert.match(stdout, /^OK: \d+ tests passed, 0 failed/m);
  assert.ok(!existsSync(empty.TESTBED));
});
