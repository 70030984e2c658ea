/**
 * Whether a history keeps what docs/sessions.md and docs/protocol.md promise for a mode. It knows these promises and nothing
 * else: nothing of the service, the load test or the client is used here.
 */
import { Disturbances } from './disturbances.ts';
import type { ClientEntry, Entry, Mode } from './history.ts';

/** How a promise can be broken, with what each means. */
export const VIOLATIONS = {
  lost: 'after a reconnect, a count that is not above the last one: counts that the client had received are gone',
  order: 'on one connection, a count that is not above the last one',
  doubled: 'a count that is higher than the messages sent explain',
  unasked: 'more counts on a connection than messages',
  unanswered: 'messages that a connection did not answer, though it was open at the end',
  bye: "a bye whose total is not the session's count, or a count after a bye",
} as const;
export type ViolationKind = keyof typeof VIOLATIONS;

export interface Violation {
  readonly kind: ViolationKind;
  /** Counts, or messages, that are concerned. */
  readonly amount: number;
  readonly at: number;
  readonly session: string;
  /** What was received and what the promise allows. */
  readonly detail: string;
}

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
  /** From the end of a connection to the session's next count, at most. Milliseconds. */
  readonly longestAbsenceMs: number;
}

/** Checks a whole history. */
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
    longestAbsenceMs: Math.max(0, ...all.map(({ longestAbsenceMs }) => longestAbsenceMs)),
  };
}

function amountsOf(violations: readonly Violation[]): Verdict['amounts'] {
  const amounts = Object.fromEntries(Object.keys(VIOLATIONS).map((kind) => [kind, 0])) as Record<ViolationKind, number>;
  for (const { kind, amount } of violations) amounts[kind] += amount;
  return amounts;
}

/** One session: what its next count may be. */
class Ledger {
  readonly violations: Violation[] = [];
  sent = 0;
  told = 0;
  excused = 0;
  longestAbsenceMs = 0;
  readonly #mode: Mode;
  readonly #disturbances: Disturbances;
  /** When each count was received: relaxed mode may lose what is newer than the last write. */
  readonly #toldAt: number[] = [];
  /** The last count that the session received. */
  #count = 0;
  /** Messages of this connection without an answer. */
  #pending = 0;
  /** Messages of former connections that may have been counted, and were not seen in a count. */
  #limbo = 0;
  /** A count was received on this connection. */
  #answered = false;
  #open = false;
  #bye = false;
  /** A bye handed the session over, and no count came since. */
  #handedOver = false;
  #lostAt: number | undefined;
  #last: ClientEntry | undefined;

  constructor(mode: Mode, disturbances: Disturbances) {
    this.#mode = mode;
    this.#disturbances = disturbances;
  }

  add(entry: ClientEntry): void {
    this.#last = entry;
    const { kind, at, count = 0 } = entry;
    if (kind === 'opened') this.#opened();
    else if (kind === 'sent') this.#sent();
    else if (kind === 'told') this.#told(count, at);
    else if (kind === 'bye') this.#said(count, at);
    else if (kind === 'closed') this.#closed(at);
    else if (entry.error === 'resume_token') this.#tokenRefused();
  }

  /** The end of the history. */
  finish(): void {
    if (this.#open && !this.#bye && this.#pending > 0)
      this.#violated('unanswered', this.#pending, this.#last?.at ?? 0, `the last count is ${this.#count}`);
  }

  #opened(): void {
    this.#open = true;
    this.#answered = false;
    this.#bye = false;
  }

  #sent(): void {
    this.sent += 1;
    // After a bye nothing is counted.
    if (!this.#bye) this.#pending += 1;
  }

  #told(count: number, at: number): void {
    this.told += 1;
    if (this.#bye) this.#violated('bye', 1, at, `count ${count} came after the bye with ${this.#count}`);
    else if (this.#pending === 0)
      this.#violated('unasked', 1, at, `count ${count} came, and every message had its own`);
    else this.#pending -= 1;
    if (count <= this.#count) this.#wentBack(count, at);
    else this.#wentOn(count, at);
    this.#count = count;
    this.#toldAt[count] = at;
    this.#answered = true;
    this.#handedOver = false;
    if (this.#lostAt !== undefined) this.longestAbsenceMs = Math.max(this.longestAbsenceMs, at - this.#lostAt);
    this.#lostAt = undefined;
  }

  #wentOn(count: number, at: number): void {
    const skipped = count - this.#count - 1;
    const explained = Math.min(skipped, this.#limbo);
    this.#limbo -= explained;
    if (skipped > explained)
      this.#violated(
        'doubled',
        skipped - explained,
        at,
        `count ${count} came, at most ${count - skipped + explained} can`,
      );
  }

  #wentBack(count: number, at: number): void {
    const amount = this.#count - count + 1;
    const detail = `count ${count} came after ${this.#count}`;
    if (this.#answered) this.#violated('order', amount, at, detail);
    else if (this.#mode === 'relaxed' && this.#mayRepeat(count, at)) {
      this.excused += amount;
      // Where the instance lives that counted them, it still writes them: "the sum is exact".
      this.#limbo += amount;
    } else this.#violated('lost', amount, at, detail);
  }

  /** Relaxed mode: whether the counts from this one on were received after the last write that can be relied on. */
  #mayRepeat(count: number, at: number): boolean {
    const lostAt = this.#lostAt ?? at;
    const written = this.#disturbances.lastSureWrite(lostAt);
    const first = this.#toldAt.slice(count).find((each) => each !== undefined) ?? at;
    const unwritten = this.#disturbances.lastSureWrite(at) <= lostAt;
    return first >= written && (unwritten || this.#disturbances.crashedBetween(written, at));
  }

  #said(total: number, at: number): void {
    const ahead = total - this.#count;
    if (ahead < 0 || ahead > this.#limbo)
      this.#violated('bye', Math.abs(ahead), at, `a bye says ${total}, the last count is ${this.#count}`);
    else this.#limbo -= ahead;
    this.#count = Math.max(this.#count, total);
    this.#bye = true;
    // "Messages that were sent and have no reply by now are not counted."
    this.#pending = 0;
    this.#handedOver = true;
  }

  #closed(at: number): void {
    if (!this.#open) return;
    this.#open = false;
    this.#lostAt ??= at;
    this.#limbo += this.#pending;
    this.#pending = 0;
    if (this.#mode !== 'token' || this.#handedOver) return;
    this.#forget();
  }

  /** "Connect without it": nothing is promised to one that does. */
  #tokenRefused(): void {
    if (this.#mode === 'token') this.#forget();
  }

  /** Without a token any instance may go on from what it knows: any count that the messages explain. */
  #forget(): void {
    this.#count = 0;
    this.#limbo = this.sent;
  }

  #violated(kind: ViolationKind, amount: number, at: number, detail: string): void {
    this.violations.push({ kind, amount, at, session: this.#last?.session ?? '', detail });
  }
}
