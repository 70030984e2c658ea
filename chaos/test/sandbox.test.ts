import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { TOOLS } from '../../scripts/tools.ts';
import { skipWithout } from '../../testkit/find-tool.ts';
import { FAULTS } from '../src/faults.ts';
import { missingMeans } from '../src/means.ts';
import { networkOf } from '../src/sandbox.ts';

const MAIN = new URL('../src/main.ts', import.meta.url).pathname;
/** Of each way to do them. */
const KINDS = [
  'redis-disk-full',
  'redis-name-gone',
  'redis-link-packets-lost',
  'service-clock-ahead',
  'redis-clock-behind',
  'service-squeezed',
];
const LACKS = [...missingMeans()].map(([means, reason]) => `no ${means}: ${reason}`);
const SKIP = skipWithout(TOOLS.redis, TOOLS.haproxy, TOOLS.toxiproxy) || (LACKS[0] ?? false);

it('Full disks, names that are gone, lost packets and wrong clocks take back no count', { skip: SKIP }, async () => {
  const options = ['--faults', '9', '--seed', '1', '--no-loki', '--clients', '20', '--kinds', KINDS.join(',')];
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, ...options], { timeout: 300_000 });
  assert.match(stdout, /lost 0, order 0, doubled 0/);
  for (const kind of KINDS) assert.match(stdout, new RegExp(`^\\| ${kind} \\| \\d`, 'm'), FAULTS[kind]?.doc);
});

for (const started of [2, 5])
  it(`A signal while it starts, after ${started} processes, leaves none and no file`, { skip: SKIP }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'wmc-interrupted-'));
    t.after(() => {
      rmSync(folder, { recursive: true });
    });
    const options = ['--mode', 'replicated', '--no-loki', '--clients', '1'];
    const env = { ...process.env, TMPDIR: folder };
    const chaos = spawn(process.execPath, [MAIN, ...options], { env, stdio: 'ignore', timeout: 300_000 });
    const ended = once(chaos, 'exit');
    const outside = networkOf('self');
    while (networkOf(String(chaos.pid)) === outside) await delay(5);
    const network = networkOf(String(chaos.pid));
    assert.ok(network);
    const inside = (): string[] => readdirSync('/proc').filter((id) => networkOf(id) === network);
    while (inside().length <= started) await delay(5);
    chaos.kill('SIGTERM');
    assert.deepEqual(await ended, [143, null]);
    while (inside().length > 0) await delay(5);
    assert.deepEqual(readdirSync(folder), []);
  });
