import assert from 'node:assert/strict';
import { describeTally, seconds } from './breaks.ts';
import { progress, row } from './figures.ts';
import type { SessionLoad, Passage } from './session-load.ts';

/** Counts that an event may lose. */
export type Allowance = 'nothing' | 'the last second of each cut connection';

/** Longest wait for everybody to be back after an event, in seconds. */
const BACK_SECONDS = 90;

/**
 * Does something to the service under load, waits until every session is back and was told a count, and holds what was lost
 * against what may be.
 * @param mode how counts are kept, for the table
 */
export async function prove(
  load: SessionLoad,
  mode: string,
  event: string,
  work: () => Promise<void>,
  allowance: Allowance = 'nothing',
): Promise<Passage> {
  load.passage();
  await work();
  await load.untilWhole(BACK_SECONDS);
  const passage = load.passage();
  tell(mode, event, passage);
  check(passage, allowance, load.shape.sendRate);
  return passage;
}

function tell(mode: string, event: string, { closes, told, lost, longestAbsence, wrong, errors }: Passage): void {
  row({
    mode,
    event,
    closes: describeTally(closes),
    told: told.toLocaleString('en'),
    lost: String(lost),
    'longest absence': seconds(longestAbsence),
  });
  if (Object.keys(wrong).length > 0) progress(`told wrongly: ${describeTally(wrong)}`);
  if (Object.keys(errors).length > 0) progress(`errors on the way: ${describeTally(errors)}`);
}

function check({ closes, wrong, lost }: Passage, allowance: Allowance, sendRate: number): void {
  const { lost: behind = 0, reset = 0, ...others } = wrong;
  assert.deepEqual(others, {}, 'counts were told wrongly that no allowance covers');
  const cut = closes['1006'] ?? 0;
  const allowed = allowance === 'nothing' ? 0 : cut * Math.max(1, sendRate);
  assert.ok(lost <= allowed, `${lost} counts were lost, ${allowed} may be (${behind} lost, ${reset} reset)`);
}
