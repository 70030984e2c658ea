import type { FaultEntry } from './history.ts';

/** "The last write: SESSION_FLUSH_INTERVAL, 0.1 s, 1 s at most." */
const FLUSH_MS = 1000;
/** A store that is back is found, and everything is written, within "twice STORE_TIMEOUT_SECONDS plus one second" (2 s). */
const BACK_MS = 5000;

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

  crashedBetween(from: number, to: number): boolean {
    return this.#crashes.some((at) => at >= from && at <= to);
  }

  /** What an instance had counted by then is in the store at the given time. */
  lastSureWrite(at: number): number {
    const before = at - FLUSH_MS;
    const away = [...this.#aways.values()].find(({ from, to }) => from < at && before <= to + BACK_MS);
    return away === undefined ? before : this.lastSureWrite(away.from);
  }
}
