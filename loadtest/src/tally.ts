import type { ViolationKind } from './count-ledger.ts';

/** What is counted, with what each means. All sums since the start of the run. */
export const COUNTERS = {
  attempts: 'connection attempts',
  opened: 'connections opened',
  openedUncertain: 'attempts that the service may have accepted, though the client saw no answer',
  reconnects: 'connections opened by a session that had been connected before',
  sent: 'messages sent that the service should count',
  replied: 'counts told',
  badSent: 'messages sent that the service should refuse',
  missed: 'messages that were due while their socket was not connected, and so not sent',
  unanswered: 'messages without an answer when their connection ended',
  countedUnanswered: 'of those, counted all the same, as later counts told',
  heartbeats: 'heartbeats received',
  byes: 'byes received',
  errors: 'errors, of any kind',
  lost: 'counts or messages lost',
  violations: 'counts told wrongly',
} as const;

/** A key of {@link COUNTERS}. */
export type CounterName = keyof typeof COUNTERS;

/** Sums by name. */
export type Counters = Record<CounterName, number>;

/** A count told wrongly, and to whom. */
export interface Violation {
  readonly kind: ViolationKind;
  readonly sessionId: string;
  /** Seconds since the start of the run. */
  readonly atSeconds: number;
  readonly amount: number;
  readonly detail: string;
}

/** A connection that was lost, as its client saw it. Times are milliseconds since the epoch. */
export interface Break {
  readonly openedAt: number;
  readonly closedAt: number;
  /** The close code; 1006 if there was none. */
  readonly code: number;
  /** Delay that the bye asked for; `undefined` if there was no bye. */
  readonly retryAfterMs: number | undefined;
  /** Messages sent that no count answered. */
  readonly unanswered: number;
  /** Attempts to come back that failed: HTTP status or error code. */
  readonly refusals: string[];
  /** When the client was connected again; `undefined` if it was not by the end. */
  reopenedAt: number | undefined;
}

/** Times that are measured, with what each means. In milliseconds. */
export const TIMES = {
  reply: 'from when a message was due to its reply',
  connect: 'from when a connection was due to its 101',
  away: "from the loss of a connection to the session's next one",
  silence:
    'from the loss of a connection to the next count that the session received: connections that were of no use are in it',
} as const;

/** A key of {@link TIMES}. */
export type TimeName = keyof typeof TIMES;

/** Sums since the start. */
export interface TallySums {
  readonly counters: Counters;
  readonly errorsByKind: Readonly<Record<string, number>>;
  readonly closesByCode: Readonly<Record<string, number>>;
  readonly violationsByKind: Readonly<Record<string, number>>;
}

/** What came since the last report. */
export interface TallyNews {
  readonly violations: readonly Violation[];
  readonly breaks: readonly Break[];
  readonly times: Readonly<Record<TimeName, readonly number[]>>;
  /**
   * When the first and the last connection of all was closed, in milliseconds since the start; `undefined` if none was.
   */
  readonly closesAt: readonly [number, number] | undefined;
}

/** Violations told one by one for each process; all are counted. */
const MAX_VIOLATIONS = 100;
/** Kinds of error told apart; a server's words are among them, so they need a bound. */
const MAX_KINDS = 50;
/** Kinds of violation by which counts are lost. */
const LOSSES: readonly ViolationKind[] = ['back', 'lost', 'reset', 'unanswered'];

/** What the clients of one process count into. */
export class Tally {
  readonly counters: Counters = zeroCounters();
  /** Since the last report. */
  times = noTimes();
  /** Those that are over, since the last report. */
  breaks: Break[] = [];
  readonly #errorsByKind = new Map<string, number>();
  readonly #closesByCode = new Map<string, number>();
  readonly #violationsByKind = new Map<ViolationKind, number>();
  #closesAt: readonly [number, number] | undefined;
  #violations: Violation[] = [];
  #toldViolations = 0;

  error(kind: string): void {
    this.counters.errors += 1;
    bump(this.#errorsByKind, this.#errorsByKind.has(kind) || this.#errorsByKind.size < MAX_KINDS ? kind : 'other');
  }

  /** @param now milliseconds since the start of the run */
  close(code: number, now: number): void {
    this.#closesAt = [this.#closesAt?.[0] ?? now, now];
    bump(this.#closesByCode, String(code));
  }

  violation(violation: Violation): void {
    const { kind, amount } = violation;
    this.counters.violations += 1;
    if (LOSSES.includes(kind)) this.counters.lost += amount;
    bump(this.#violationsByKind, kind);
    this.#toldViolations += 1;
    if (this.#toldViolations <= MAX_VIOLATIONS) this.#violations.push(violation);
  }

  get sums(): TallySums {
    return {
      counters: { ...this.counters },
      errorsByKind: Object.fromEntries(this.#errorsByKind),
      closesByCode: Object.fromEntries(this.#closesByCode),
      violationsByKind: Object.fromEntries(this.#violationsByKind),
    };
  }

  /** Hands over what came since it was last called. */
  takeNews(): TallyNews {
    const { times, breaks } = this;
    const violations = this.#violations;
    this.times = noTimes();
    this.breaks = [];
    this.#violations = [];
    return { violations, breaks, times, closesAt: this.#closesAt };
  }
}

/** All counters at 0. */
export function zeroCounters(): Counters {
  return Object.fromEntries(Object.keys(COUNTERS).map((name) => [name, 0])) as Counters;
}

/** Adds numbers by key. */
export function addByKey(
  a: Readonly<Record<string, number>>,
  b: Readonly<Record<string, number>>,
): Record<string, number> {
  const sums = { ...a };
  for (const [key, value] of Object.entries(b)) sums[key] = (sums[key] ?? 0) + value;
  return sums;
}

function noTimes(): Record<TimeName, number[]> {
  return { reply: [], connect: [], away: [], silence: [] };
}

function bump<K>(map: Map<K, number>, key: K): void {
  map.set(key, (map.get(key) ?? 0) + 1);
}
