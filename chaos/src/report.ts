import { markdownTable } from '../../lib/markdown-table.ts';
import type { Verdict } from './checker.ts';
import type { Happened, RunResult } from './run.ts';

/** Violations that are printed one by one. */
const SHOWN = 20;

/** A verdict for people. */
export function describeVerdict({
  sessions,
  sent,
  told,
  violations,
  amounts,
  excused,
  oldestExcusedMs,
  longestAbsenceMs,
}: Verdict): string {
  const sums = Object.entries(amounts).map(([kind, amount]) => `${kind} ${amount}`);
  const lines = violations
    .slice(0, SHOWN)
    .map(({ at, session, kind, detail }) => `  ${(at / 1000).toFixed(3)} s, session ${session}, ${kind}: ${detail}`);
  return [
    `${sessions} sessions sent ${sent} messages and were told ${told} counts`,
    `${sums.join(', ')}; lost within the promise ${excused}, received ${(oldestExcusedMs / 1000).toFixed(2)} s before at most; longest absence ${(longestAbsenceMs / 1000).toFixed(2)} s`,
    ...lines,
    ...(violations.length > SHOWN ? [`  and ${violations.length - SHOWN} more`] : []),
  ].join('\n');
}

/** A run for people. */
export function describeRun({ verdict, happened, healthySeconds, resources, problems }: RunResult): string {
  const kinds = Object.groupBy(happened, ({ kind }) => kind);
  const rows = Object.entries(kinds).map(([kind, faults = []]) => [kind, String(faults.length), seenOf(faults)]);
  return [
    markdownTable(['fault', 'times', 'seen in metrics or log'], rows.sort()),
    describeVerdict(verdict),
    `well ${healthySeconds.toFixed(1)} s after the last fault; at most ${(resources.memoryBytes / 2 ** 20).toFixed()} MiB and ${resources.files} open files an instance`,
    ...problems.map((problem) => `PROBLEM: ${problem}`),
  ].join('\n');
}

/** How many of these faults were seen. */
function seenOf(faults: readonly Happened[]): string {
  return faults.every(({ seen }) => seen === undefined) ? '' : String(faults.filter(({ seen }) => seen).length);
}
