import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import packageJson from '../../package.json' with { type: 'json' };
import { startApp } from '../../testkit/app.ts';

const execute = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');
/** What the package is built from: a copy, so that a dist/ that is in use stays as it is. */
const SOURCES = [
  ...['package.json', 'tsconfig.json', 'tsconfig.build.json', 'scripts/build.ts'],
  ...['lib', 'service', 'client', 'loadtest'],
];

describe('The package, packed and installed in an empty folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'package-'));
  const installed = join(folder, 'installed');

  before(async () => {
    const sources = join(folder, 'sources');
    for (const source of SOURCES) cpSync(join(ROOT, source), join(sources, source), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(sources, 'node_modules'));
    mkdirSync(installed);
    await execute('npm', ['pack', '--pack-destination', folder], { cwd: sources });
    const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '';
    const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'];
    await execute('npm', ['install', ...flags, join(folder, tarball)], { cwd: installed });
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  for (const name of Object.keys(packageJson.bin))
    test(`has the program ${name}, which runs`, async () => {
      assert.match(await run(name, '--help'), new RegExp('--help'));
    });

  for (const name of Object.keys(packageJson.bin))
    test(`refuses an older Node.js in one sentence of ${name}`, async () => {
      const older = "Object.defineProperty(process, 'versions', { value: { node: '20.20.2' } })";
      const args = ['--import', `data:text/javascript,${older}`, programOf(name), '--version'];
      await assert.rejects(execute(process.execPath, args), (error) => {
        const { code, stderr } = error as { code?: number; stderr?: string };
        return code === 1 && /^needs Node\.js 24 or later; this is v[\d.]+\n$/.test(stderr ?? '');
      });
    });

  test('has a load test that writes its report', async (t) => {
    const { url } = await startApp(t);
    const report = join(folder, 'report.html');
    const stdout = await run('websocket-loadtest', '--host', url, '--sockets=2', '--duration=1', '--report', report);
    assert.match(stdout, /Report written to/);
    assert.match(readFileSync(report, 'utf8'), /uPlot/);
  });

  test('has the client', async () => {
    const script =
      "import('websocket-message-counter/client').then((client) => console.log(Object.keys(client).join()))";
    const { stdout } = await execute(process.execPath, ['--eval', script], { cwd: installed });
    assert.match(stdout, /Client/);
  });

  async function run(name: string, ...args: string[]): Promise<string> {
    return (await execute(process.execPath, [programOf(name), ...args], { cwd: installed })).stdout;
  }

  function programOf(name: string): string {
    return join(installed, 'node_modules', '.bin', name);
  }
});
