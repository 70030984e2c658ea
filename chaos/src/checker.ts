/**
 * Whether a history keeps what docs/sessions.md and docs/protocol.md promise for a mode. It knows these promises and nothing
 * else: nothing of the service, the load test or the client is used here.
 */
import { Disturbances } from './disturbances.ts';
import type { Entry, Mode } from './history.ts';
import { Ledger } from './ledger.ts';
import { VIOLATIONS, type Violation, type ViolationKind } from './violations.ts';

export interface Verdict {
  readonly sessions: number;
  readonly sent: number;
  /** Counts that clients received. */
  readonly told: number;
  readonly violations: readonly Violation[];
  /** Counts or messages that are concerned, by kind of violation. */
  readonly amounts: Readonly<Record<ViolationKind, number>>;
  /** Counts that were lost, or repeated, where the mode says that they can be. */
  readonly excused: number;
  /** How long before the end of its connection the oldest of these was received. Milliseconds. */
  readonly oldestExcusedMs: number;
  /** From the end of a connection to the session's next count, at most. Milliseconds. */
  readonly longestAbsenceMs: number;
}

/** Checks a whole history. @throws {Error} if a session has two connections at once: what such a one may receive is not known here */
export async function check(history: AsyncIterable<Entry> | Iterable<Entry>, mode: Mode): Promise<Verdict> {
  const disturbances = new Disturbances();
  const ledgers = new Map<string, Ledger>();
  for await (const entry of history) {
    if ('fault' in entry) {
      disturbances.add(entry);
      continue;
    }
    let ledger = ledgers.get(entry.session);
    if (ledger === undefined) ledgers.set(entry.session, (ledger = new Ledger(mode, disturbances)));
    ledger.add(entry);
  }
  const all = [...ledgers.values()];
  for (const ledger of all) ledger.finish();
  const sum = (value: (ledger: Ledger) => number): number => all.reduce((total, ledger) => total + value(ledger), 0);
  const violations = all.flatMap((ledger) => ledger.violations).sort((one, other) => one.at - other.at);
  return {
    sessions: all.length,
    sent: sum(({ sent }) => sent),
    told: sum(({ told }) => told),
    violations,
    amounts: amountsOf(violations),
    excused: sum(({ excused }) => excused),
    oldestExcusedMs: Math.max(0, ...all.map(({ oldestExcusedMs }) => oldestExcusedMs)),
    longestAbsenceMs: Math.max(0, ...all.map(({ longestAbsenceMs }) => longestAbsenceMs)),
  };
}

function amountsOf(violations: readonly Violation[]): Verdict['amounts'] {
  const amounts = Object.fromEntries(Object.keys(VIOLATIONS).map((kind) => [kind, 0])) as Record<ViolationKind, number>;
  for (const { kind, amount } of violations) amounts[kind] += amount;
  return amounts;
}
