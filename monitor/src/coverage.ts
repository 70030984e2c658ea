import type { Findings } from './events.ts';

/** A time in which a part was not watched. */
export interface Gap {
  /** What was not watched: `API server`, `metrics of demo-abc`. */
  readonly part: string;
  readonly reason: string;
  readonly since: Date;
  /** `null` if it lasted to the end. */
  readonly until: Date | null;
  /** The watch is whole without it. */
  readonly optional: boolean;
}

/**
 * Knows what is watched and what is not, so that "healthy" is never said of what no one saw. Going away and coming back are
 * told once each.
 */
export class Coverage {
  readonly #findings: Findings;
  readonly #unseen = new Set<string>();
  readonly #open = new Map<string, Omit<Gap, 'until'>>();
  readonly #closed: Gap[] = [];

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** Says that a part is to be watched: a watch that ends before it was seen is not whole. */
  expect(part: string): void {
    this.#unseen.add(part);
  }

  /**
   * A part can't be watched from now on.
   * @param reason why, and what to do about it where that is known
   * @param optional whether the watch is whole without it
   */
  lost(part: string, reason: string, optional = false): void {
    if (this.#open.has(part)) return;
    this.#open.set(part, { part, reason, since: new Date(), optional });
    this.#findings.notice({ kind: 'not_watched', source: part, message: `not watched: ${reason}` });
  }

  /** A part is watched, for the first time or again. */
  seen(part: string): void {
    this.#unseen.delete(part);
    const gap = this.#open.get(part);
    if (gap === undefined) return;
    const until = new Date();
    this.#close(gap, until);
    const seconds = ((until.getTime() - gap.since.getTime()) / 1000).toFixed(1);
    this.#findings.notice({
      kind: 'watched_again',
      source: part,
      message: `watched again after ${seconds} s`,
    });
  }

  /** A part is no more, for example a pod that ended. */
  forget(part: string): void {
    this.#unseen.delete(part);
    const gap = this.#open.get(part);
    if (gap !== undefined) this.#close(gap, new Date());
  }

  isLost(part: string): boolean {
    return this.#open.has(part);
  }

  /** Every gap there was, in order of its beginning. */
  gaps(): Gap[] {
    const open = [...this.#open.values()].map((gap) => ({ ...gap, until: null }));
    return [...this.#closed, ...open].sort((a, b) => a.since.getTime() - b.since.getTime());
  }

  /** Parts that were never seen, or are away now, and that the watch is not whole without. */
  missing(): string[] {
    const away = [...this.#open.values()].filter((gap) => !gap.optional).map((gap) => gap.part);
    return [...new Set([...away, ...this.#unseen])];
  }

  #close(gap: Omit<Gap, 'until'>, until: Date): void {
    this.#open.delete(gap.part);
    this.#closed.push({ ...gap, until });
  }
}
