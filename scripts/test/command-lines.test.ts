import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';

/** Every program of the repo that takes arguments, as a person starts it: those of package.json, and others by their path. */
const PROGRAMS = [
  ...new Set(Object.values(packageScripts()).flatMap((script) => /^node .*?(\S+\.ts)/.exec(script)?.[1] ?? [])),
  'chaos/src/check.ts',
  'e2e/alerts/keep.ts',
  'e2e/failover/keep.ts',
  'e2e/platform/keep.ts',
  'e2e/release/keep.ts',
  'scripts/image-size.ts',
  'scripts/check-chart.ts',
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

function packageScripts(): Readonly<Record<string, string>> {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { scripts: Record<string, string> }).scripts;
}

function run(path: string, ...args: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [path, ...args], { timeout: 300_000 }, (_error, stdout, stderr) => {
      resolve({ status: child.exitCode, stdout, stderr });
    });
  });
}
