import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Sent, Subject } from './platforms.ts';

/** Sends one message after another, and checks each count against the last one told. */
export class Ledger {
  /** Results of all messages, in the order in which they were sent. */
  readonly results: Sent[] = [];
  readonly #subject: Subject;
  #stopped = false;
  readonly #done: Promise<void>;

  constructor(subject: Subject) {
    this.#subject = subject;
    this.#done = this.#run();
  }

  /** Stops sending, and waits until every message is answered or given up. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  /**
   * Every count told is the one before, one more, and what was missed; and whatever was missed was sent and not answered.
   */
  check(): void {
    let last = 0;
    let missedInAll = 0;
    for (const { type, detail } of this.#subject.events) {
      const count = type === 'count' ? detail.count : type === 'leaving' ? detail.total : undefined;
      if (count === undefined) continue;
      const missed = type === 'count' ? detail.missed : count - last;
      assert.ok(missed >= 0, `${count} was told after ${last}: the count went back`);
      assert.equal(count, last + missed + (type === 'count' ? 1 : 0));
      last = count;
      missedInAll += missed;
    }
    const told = this.results.flatMap((result) => ('count' in result ? [result.count] : []));
    assert.ok(told.length > 0, 'nothing was counted');
    for (const [index, count] of told.entries())
      assert.ok(count > (told[index - 1] ?? 0), `${count} was told after ${told[index - 1]}`);
    assert.equal(last, told.length + missedInAll);
    const unanswered = this.results.filter((result) => 'sent' in result && result.sent).length;
    assert.ok(missedInAll <= unanswered, `${missedInAll} counts were missed, and ${unanswered} messages not answered`);
  }

  async #run(): Promise<void> {
    const pending: Promise<void>[] = [];
    while (!this.#stopped) {
      const index = pending.length;
      pending.push(
        this.#subject.send(`message ${index}`).then((result) => {
          this.results[index] = result;
        }),
      );
      await delay(20);
    }
    await Promise.all(pending);
  }
}
