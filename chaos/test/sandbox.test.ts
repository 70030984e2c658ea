import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { it } from 'node:test';
import { promisify } from 'node:util';
import { TOOLS } from '../../scripts/tools.ts';
import { useTool } from '../../testkit/find-tool.ts';
import { FAULTS } from '../src/faults.ts';
import { missingMeans } from '../src/means.ts';

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
const NEEDED = [TOOLS.redis, TOOLS.haproxy, TOOLS.toxiproxy].map(useTool).map(({ skip }) => skip);
const LACKS = [...missingMeans()].map(([means, reason]) => `no ${means}: ${reason}`);
const SKIP = [...NEEDED, ...LACKS].find((reason) => reason !== false) ?? false;

it('Full disks, names that are gone, lost packets and wrong clocks take back no count', { skip: SKIP }, async () => {
  const options = ['--faults', '9', '--seed', '1', '--no-loki', '--clients', '20', '--kinds', KINDS.join(',')];
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, ...options], { timeout: 300_000 });
  assert.match(stdout, /lost 0, order 0, doubled 0/);
  for (const kind of KINDS) assert.match(stdout, new RegExp(`^\\| ${kind} \\| \\d`, 'm'), FAULTS[kind]?.doc);
});
