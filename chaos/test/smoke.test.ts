import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { TOOLS } from '../../scripts/tools.ts';
import { skipWithout } from '../../testkit/find-tool.ts';
import { readHistory, type Entry } from '../src/history.ts';
import { run, type RunOptions, type RunResult } from '../src/run.ts';
import type { Planned } from '../src/schedule.ts';

/** Two or three at once, each for a second. */
const SHORT = { gapMs: 600, lastsMs: 1000, pick: 0 };
const FAULTS: readonly Planned[] = [
  { ...SHORT, kind: 'service-killed' },
  { ...SHORT, kind: 'redis-killed' },
  { ...SHORT, kind: 'service-drained', pick: 0.6 },
  { ...SHORT, kind: 'redis-link-one-way' },
  { ...SHORT, kind: 'service-link-cut', pick: 0.4 },
  { ...SHORT, kind: 'balancer-killed' },
];
const SKIP = skipWithout(TOOLS.redis, TOOLS.haproxy, TOOLS.toxiproxy);

it('Six faults, and a crash of all instances, take back no count of a client', { skip: SKIP }, async (t) => {
  const { verdict, happened, problems, entries } = await runOf(t, {
    mode: 'strict',
    promise: 'strict',
    faults: FAULTS,
    clients: 20,
  });
  assert.deepEqual(problems, []);
  assert.deepEqual(verdict.violations, []);
  assert.equal(happened.length, FAULTS.length);
  assert.ok(verdict.told > 100, `${verdict.told} counts were received`);
  const killed = entries.findIndex((entry) => 'fault' in entry && entry.name === 'all instances killed');
  assert.ok(killed > 0, 'no instance was killed at the end');
  const since = entries
    .slice(killed)
    .flatMap((entry) => ('session' in entry && entry.kind === 'told' ? entry.session : []));
  assert.equal(new Set(since).size, 20, 'sessions with a count since');
});

it('What relaxed mode loses is found by whoever promises strict mode', { skip: SKIP }, async (t) => {
  const faults = [0, 0.6, 0, 0.6].map((pick) => ({ ...SHORT, kind: 'service-killed', gapMs: 1500, pick }));
  // So many that each kill meets some that received a count since the last write.
  const { verdict, problems } = await runOf(t, { mode: 'relaxed', promise: 'strict', faults, clients: 100 });
  assert.deepEqual(problems, []);
  assert.ok(verdict.amounts.lost > 0, 'none was lost');
});

async function runOf(
  t: TestContext,
  options: Pick<RunOptions, 'mode' | 'promise' | 'faults' | 'clients'>,
): Promise<RunResult & { readonly entries: readonly Entry[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'wmc-chaos-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const history = join(folder, 'history.jsonl');
  const result = await run(
    {
      ...options,
      ...{ instances: 2, loki: false },
      history,
      log: (line) => {
        t.diagnostic(line);
      },
    },
    t,
  );
  const entries: Entry[] = [];
  for await (const entry of readHistory(history)) entries.push(entry);
  return { ...result, entries };
}
