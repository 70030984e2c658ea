import type { Disturbances } from './disturbances.ts';
import type { ClientEntry, Mode } from './history.ts';
import type { Violation, ViolationKind } from './violations.ts';

/** A message of a connection that ended may be counted so long after it, if the session has received a count since. Milliseconds. */
const LATE_MS = 15_000;
/** A connection that stays open has answered all messages once in such a time. Milliseconds. */
const ANSWERED_MS = 30_000;
/** Refusals of a client that does nothing wrong, beside those of resume tokens. */
const REFUSALS: readonly string[] = ['draining', 'timeout'];

/** Counts that relaxed mode repeated. */
interface Repeated {
  readonly amount: number;
  /** When the connection ended on which they had been received. */
  readonly lostAt: number;
  /** What was counted by then was in the store at that time. */
  readonly written: number;
}

/** One session: what its next count may be. */
export class Ledger {
  readonly violations: Violation[] = [];
  sent = 0;
  told = 0;
  excused = 0;
  oldestExcusedMs = 0;
  longestAbsenceMs = 0;
  readonly #mode: Mode;
  readonly #disturbances: Disturbances;
  /** The last count that the session received. */
  #count = 0;
  #toldAt = 0;
  /** "An instance always reads a resumed session from the store": so it has what a session had received, and went on from. */
  #stored = 0;
  /** When the counts above that were received: relaxed mode may lose what is newer than the last write. */
  #unsure: { readonly count: number; readonly at: number }[] = [];
  readonly #repeated: Repeated[] = [];
  /** Messages of this connection without an answer. */
  #pending = 0;
  /** Since when there are some. */
  #pendingSince: number | undefined;
  /** For each message that may have been counted, and was not seen in a count: when its connection ended. */
  #limbo: number[] = [];
  /** The connection that is open. */
  #connection: number | undefined;
  /** A count was received on this connection. */
  #answered = false;
  #bye = false;
  /** A bye handed the session over, and no count came since. */
  #handedOver = false;
  /** Without a token an instance goes on from what it knows: anything up to the highest count that there can be. */
  #anywhere = false;
  #highest = 0;
  #lostAt: number | undefined;
  #last: ClientEntry | undefined;

  constructor(mode: Mode, disturbances: Disturbances) {
    this.#mode = mode;
    this.#disturbances = disturbances;
  }

  add(entry: ClientEntry): void {
    this.#last = entry;
    const { kind, at, count = 0 } = entry;
    if (kind === 'opened') this.#opened(entry);
    else if (kind === 'sent') this.#sent(at);
    else if (kind === 'told') this.#told(count, at);
    else if (kind === 'bye') this.#said(count, entry);
    else if (kind === 'closed') this.#closed(entry);
    else this.#refused(entry);
  }

  /** The end of the history. */
  finish(): void {
    const isOpen = this.#connection !== undefined;
    const at = this.#last?.at ?? 0;
    if (isOpen && !this.#bye && this.#pending > 0)
      this.#violated('unanswered', this.#pending, at, `the last count is ${this.#count}`);
    else if (!isOpen || !this.#answered)
      this.#violated('absent', 1, at, `the last count is ${this.#count}, on a connection before`);
    if (this.#mode === 'relaxed' && this.violations.length === 0) this.#checkSum(at);
  }

  /** "The sum is exact": what is repeated is counted in the end, if the instance that had counted it could write it. */
  #checkSum(at: number): void {
    const lost = this.#repeated.filter((each) => this.#isUnwritten(each, at));
    const missing = this.told - this.#count - lost.reduce((sum, { amount }) => sum + amount, 0);
    if (missing > 0)
      this.#violated('lost', missing, at, `${this.told} messages were answered, the last count is ${this.#count}`);
  }

  #opened({ session, connection }: ClientEntry): void {
    if (this.#connection !== undefined)
      throw new Error(`session ${session} has connections ${this.#connection} and ${connection} at once`);
    this.#connection = connection;
    this.#answered = false;
    this.#bye = false;
  }

  #sent(at: number): void {
    this.sent += 1;
    // After a bye nothing is counted.
    if (this.#bye) return;
    this.#pending += 1;
    this.#pendingSince ??= at;
  }

  #told(count: number, at: number): void {
    this.told += 1;
    if (this.#bye) this.#violated('bye', 1, at, `count ${count} came after the bye with ${this.#count}`);
    else if (this.#pending === 0)
      this.#violated('unasked', 1, at, `count ${count} came, and every message had its own`);
    else this.#pending -= 1;
    this.#checkDelay(at);
    this.#limbo = this.#limbo.filter((endedAt) => endedAt > at - LATE_MS || endedAt >= this.#toldAt);
    const before = this.#count;
    this.#goOn(count, at, `count ${count} came`, this.#answered ? 'order' : 'lost', 'doubled');
    if (!this.#answered) this.#isStored(Math.min(before, count - 1));
    this.#count = count;
    this.#toldAt = at;
    this.#unsure.push({ count, at });
    this.#answered = true;
    this.#handedOver = false;
    if (this.#lostAt !== undefined) this.longestAbsenceMs = Math.max(this.longestAbsenceMs, at - this.#lostAt);
    this.#lostAt = undefined;
  }

  #said(total: number, { at, session, named = session }: ClientEntry): void {
    if (named !== session) this.#violated('bye', 1, at, `a bye names the session ${named}`);
    // The next message would have the next count.
    this.#goOn(total + 1, at, `a bye says ${total}`, 'bye', 'bye');
    this.#count = total;
    this.#bye = true;
    // "Messages that were sent and have no reply by now are not counted."
    this.#pending = 0;
    this.#pendingSince = undefined;
    this.#handedOver = true;
  }

  /** The next count of the session. @param back what is violated if it is too low @param on if it is too high */
  #goOn(next: number, at: number, what: string, back: ViolationKind, on: ViolationKind): void {
    const detail = `${what} after ${this.#count}`;
    const anywhere = this.#anywhere && next > 0;
    const skipped = next - 1 - (anywhere ? this.#highest : this.#count);
    if (skipped < 0 && !anywhere) this.#wentBack(next, at, detail, back);
    else if (skipped > 0) {
      const unexplained = skipped - (anywhere ? 0 : this.#limbo.splice(0, skipped).length);
      if (unexplained > 0) this.#violated(on, unexplained, at, `${detail}: ${unexplained} too many`);
    }
    this.#anywhere = false;
  }

  #wentBack(next: number, at: number, detail: string, kind: ViolationKind): void {
    const amount = this.#count - next + 1;
    const lostAt = this.#lostAt ?? at;
    const receivedAt = this.#unsure.find(({ count }) => count >= next)?.at ?? at;
    const mayRepeat = this.#mode === 'relaxed' && !this.#answered && next > this.#stored;
    const repeated = { written: this.#disturbances.lastSureWrite(lostAt), lostAt, amount };
    if (mayRepeat && receivedAt >= repeated.written && this.#isUnwritten(repeated, at)) {
      this.excused += amount;
      this.#repeated.push(repeated);
      this.oldestExcusedMs = Math.max(this.oldestExcusedMs, lostAt - receivedAt);
      // Where the instance lives that counted them, it still writes them: "the sum is exact".
      this.#limbo.push(...Array.from({ length: amount }, () => at));
      this.#unsure = this.#unsure.filter(({ count }) => count < next);
    } else this.#violated(kind, amount, at, detail);
  }

  /** Whether the counts are not in the store yet, or never will be. */
  #isUnwritten({ written, lostAt }: Repeated, at: number): boolean {
    return this.#disturbances.isUnwritten(at, lostAt) || this.#disturbances.crashedUnwritten(written, lostAt);
  }

  #isStored(count: number): void {
    this.#stored = count;
    this.#unsure = this.#unsure.filter((each) => each.count > count);
  }

  #closed({ at, code = 0 }: ClientEntry): void {
    if (this.#connection === undefined) return;
    if (!this.#mayClose(code)) this.#violated('refused', 1, at, `the connection was closed with ${code}`);
    this.#checkDelay(at);
    this.#connection = undefined;
    this.#lostAt ??= at;
    this.#limbo.push(...Array.from({ length: this.#pending }, () => at));
    this.#pending = 0;
    this.#pendingSince = undefined;
    if (this.#mode === 'token' && !this.#handedOver) this.#forget();
  }

  #mayClose(code: number): boolean {
    if (code === 1001) return this.#bye;
    // "Messages are counted and answered" in relaxed mode: only one that resumes is turned away.
    if (code === 1013) return this.#mode !== 'token' && !(this.#mode === 'relaxed' && this.#answered);
    return code === 1006;
  }

  #refused({ at, code, error }: ClientEntry): void {
    // Where nothing is said in the service's words, the balancer answered.
    if (error === undefined || REFUSALS.includes(error)) return;
    const byToken = error === 'resume_token' && this.#mode === 'token';
    // "Older than the known count of the session", which "needs a cut before".
    if (!byToken || this.#highest <= this.#count)
      this.#violated('refused', 1, at, `${code} ${error}, with the last count ${this.#count}`);
    // "Connect without it": nothing is promised to one that does.
    if (byToken) this.#forget();
  }

  #forget(): void {
    this.#highest = Math.max(this.#highest, this.#count + this.#limbo.length);
    this.#anywhere = true;
    this.#handedOver = false;
  }

  /** Whether the messages of the connection were all answered once, not long ago. */
  #checkDelay(at: number): void {
    if (this.#pendingSince !== undefined && at - this.#pendingSince > ANSWERED_MS) {
      this.#violated('unanswered', Math.max(1, this.#pending), at, `not in time, the last count is ${this.#count}`);
      this.#pendingSince = at;
    }
    if (this.#pending === 0) this.#pendingSince = undefined;
  }

  #violated(kind: ViolationKind, amount: number, at: number, detail: string): void {
    this.violations.push({ kind, amount, at, session: this.#last?.session ?? '', detail });
  }
}
