import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, test } from 'node:test';

/** Every program of the repo that takes arguments, as a person starts it. */
const PROGRAMS = [
  'service/src/main.ts',
  'loadtest/src/main.ts',
  'monitor/src/main.ts',
  'bench/run.ts',
  'bench/fuzz.ts',
  'chaos/src/main.ts',
  'chaos/src/check.ts',
  'e2e/run.ts',
  'e2e/alerts/run.ts',
  'e2e/proxies/run.ts',
  'scripts/build.ts',
  'try/src/main.ts',
  'scripts/lint.ts',
  'scripts/setup.ts',
  'scripts/test.ts',
  'scripts/image-size.ts',
  'scripts/release/release.ts',
  'scripts/release/verify.ts',
  'scripts/check-chart.ts',
  'scripts/console-picture.ts',
  'dashboards/test/preview/main.ts',
];

describe('A wrong flag', { concurrency: 2 }, () => {
  for (const path of PROGRAMS)
    test(`of ${path} is answered with one sentence and status 2`, async () => {
      const { status, stdout, stderr } = await run(path, '--no-such-flag');
      assert.equal(status, 2, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, /^[^\n]*--no-such-flag[^\n]*\n$/);
    });
});

describe('--help', { concurrency: 2 }, () => {
  for (const path of PROGRAMS)
    test(`of ${path} prints the flags on stdout, status 0`, async () => {
      const { status, stdout, stderr } = await run(path, '--help');
      assert.equal(status, 0, stderr);
      assert.match(stdout, /--help/);
      assert.equal(stderr, '');
    });
});

function run(path: string, ...args: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [path, ...args], { timeout: 60_000 }, (_error, stdout, stderr) => {
      resolve({ status: child.exitCode, stdout, stderr });
    });
  });
}
