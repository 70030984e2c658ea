/** What can be wrong with a count, with what each means. */
export const VIOLATIONS = {
  repeated: 'a count that the session had already received',
  back: 'a count below the previous one, on the same connection',
  skipped: 'a count higher than the messages sent explain',
  lost: 'after a reconnect, a count that is not above the previous one: counts were lost',
  reset: 'after a reconnect, a session that restarted at 1',
  unasked: 'a reply to no message',
  unanswered: 'messages that an open connection did not answer by the end',
  bye_total: "a bye whose total is not the session's count",
  session: 'a connection that got another session than it requested',
  malformed: 'a message that is no reply, heartbeat or bye',
} as const;

/** A key of {@link VIOLATIONS}. */
export type ViolationKind = keyof typeof VIOLATIONS;

/** Something that the service told wrongly. */
export interface Fault {
  readonly kind: ViolationKind;
  /** How many counts or messages are concerned. */
  readonly amount: number;
  /** What was told and what was expected, for people. */
  readonly detail: string;
}

/**
 * How long after the first reply on a new connection a message of the old one may still be counted, in milliseconds.
 * Its bytes may have waited unread in the service, or in another pod of it.
 */
const LATE_MS = 5000;

/**
 * What a session was told and what it may be told next.
 *
 * A count must be the last one told plus 1. After a connection was cut it may be further on by the messages that had
 * been sent and not answered: whether they were counted, only the next counts tell. After a bye, or a close frame that
 * follows all replies, none of them was counted, and exactly the last count plus 1 is right.
 */
export class CountLedger {
  /** Last count told. */
  told = 0;
  /** Messages sent on this connection and not answered. */
  pending = 0;
  /** Messages that were never answered since their connection ended, and may have been counted. */
  limbo = 0;
  /** Messages that were counted though they were never answered. */
  countedUnanswered = 0;
  readonly #kept: boolean;
  #firstReply = true;
  #reconnected = false;
  #limboEndsAt = Infinity;

  /** @param kept counts go on over reconnects; `false` takes any as the first one of a connection */
  constructor(kept = true) {
    this.#kept = kept;
  }

  /** A message was sent. */
  sent(): void {
    this.pending += 1;
  }

  /** A connection is open. */
  connected(): void {
    this.#firstReply = true;
  }

  /**
   * A count was told.
   * @param now milliseconds on any steady clock
   */
  replied(count: number, now: number): Fault | undefined {
    if (this.pending === 0)
      return this.#fault('unasked', 1, `count ${count} came though every message was answered`, count);
    this.pending -= 1;
    if (this.#isUnknown) {
      this.told = count;
      this.#firstReply = false;
      return undefined;
    }
    if (count === this.told + 1) {
      this.told = count;
      if (this.#firstReply || this.limbo > 0) this.#settle(now);
      return undefined;
    }
    const ahead = count - this.told - 1;
    if (ahead < 0) return this.#behind(count);
    if (now > this.#limboEndsAt) this.limbo = 0;
    const excused = Math.min(ahead, this.limbo);
    this.limbo -= excused;
    this.countedUnanswered += excused;
    const expected = this.told + 1 + excused;
    this.told = count;
    this.#settle(now);
    return ahead > excused
      ? { kind: 'skipped', amount: ahead - excused, detail: `count ${count} came, ${expected} was expected` }
      : undefined;
  }

  /** A bye told a total: all counted messages were answered before it. */
  bye(total: number): Fault | undefined {
    const ahead = this.#isUnknown ? 0 : total - this.told;
    if (ahead < 0 || ahead > this.limbo)
      return {
        kind: 'bye_total',
        amount: Math.abs(ahead),
        detail: `a bye told total ${total}, the last count was ${this.told}`,
      };
    this.countedUnanswered += ahead;
    this.told = total;
    this.limbo = 0;
    return undefined;
  }

  /**
   * The connection is over.
   * @param settled whether the server ended it in order, so that nothing unanswered was counted
   * @returns how many messages stay unanswered
   */
  disconnected(settled: boolean): number {
    const unanswered = this.pending;
    this.pending = 0;
    if (!settled && this.#kept) this.limbo += unanswered;
    this.#limboEndsAt = Infinity;
    this.#reconnected = true;
    return unanswered;
  }

  /** The end of a run, after waiting for replies: what an open connection did not answer. */
  finish(): Fault | undefined {
    const amount = this.pending;
    if (amount === 0) return undefined;
    return {
      kind: 'unanswered',
      amount,
      detail: `${amount} messages were never answered; the last count was ${this.told}`,
    };
  }

  /** Nothing is known of the session's count on this connection. */
  get #isUnknown(): boolean {
    return !this.#kept && this.#reconnected && this.#firstReply;
  }

  #behind(count: number): Fault {
    const amount = this.told - count + 1;
    const told = this.told;
    const { kind, expectation } = this.#kindBehind(count);
    return this.#fault(kind, amount, `count ${count} came after ${told}${expectation}`, count);
  }

  #kindBehind(count: number): { kind: ViolationKind; expectation: string } {
    const expectation = `, ${this.told + 1} was expected`;
    if (this.#firstReply && this.#reconnected)
      return count === 1
        ? { kind: 'reset', expectation: ' over a reconnect: the session began again' }
        : { kind: 'lost', expectation: `${expectation} over a reconnect` };
    return { kind: count === this.told ? 'repeated' : 'back', expectation };
  }

  /** Goes on from what the service says now, so that one fault is told once. */
  #fault(kind: ViolationKind, amount: number, detail: string, count: number): Fault {
    this.told = count;
    this.#firstReply = false;
    return { kind, amount, detail };
  }

  #settle(now: number): void {
    if (this.#firstReply) this.#limboEndsAt = now + LATE_MS;
    else if (now > this.#limboEndsAt) this.limbo = 0;
    this.#firstReply = false;
  }
}
