import type { FaultEntry } from './history.ts';

/** "The last write": SESSION_FLUSH_INTERVAL, which is 0.1 s in the runs, and time for the write itself. */
const FLUSH_MS = 500;
/** A store that is back is found within STORE_TIMEOUT_SECONDS (2 s), and a second until the next attempt to reach it. */
const BACK_MS = 3000;

/** When instances crashed, and when the store could not be written to. */
export class Disturbances {
  readonly #crashes: number[] = [];
  readonly #aways = new Map<number, { readonly from: number; to: number }>();

  add({ kind, fault, effect, at }: FaultEntry): void {
    if (effect === 'crash' && kind === 'began') this.#crashes.push(at);
    if (effect !== 'away') return;
    const away = this.#aways.get(fault);
    if (away === undefined) this.#aways.set(fault, { from: at, to: Infinity });
    else away.to = at;
  }

  /** Whether an instance crashed since a time that may not have written yet what it had counted by another one. */
  crashedUnwritten(since: number, countedBy: number): boolean {
    return this.#crashes.some((at) => at >= since && this.isUnwritten(at, countedBy));
  }

  /** Whether what an instance had counted by some time may not be in the store at the given one. */
  isUnwritten(at: number, countedBy: number): boolean {
    return this.lastSureWrite(at) <= countedBy;
  }

  /** What an instance had counted by then is in the store at the given time. */
  lastSureWrite(at: number): number {
    const before = at - FLUSH_MS;
    const away = [...this.#aways.values()].find(({ from, to }) => from < at && before <= to + BACK_MS);
    return away === undefined ? before : this.lastSureWrite(away.from);
  }
}
