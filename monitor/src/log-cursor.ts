/**
 * Where the reading of a log stands, by the time stamps that the node gives its lines: so that a log that is opened again goes
 * on with the first line that was not read, and no line counts twice.
 */
export class LogCursor {
  /** Time of the last line read. */
  #last: bigint | undefined;
  /** Lines read that have this time. */
  #countAtLast = 0;
  /** Lines up to here were read before the log was opened again. */
  #boundary: bigint | undefined;
  #skipAtBoundary = 0;

  /** Time of the last line read, to ask the log from there on; `undefined` if none was read. */
  get since(): string | undefined {
    return this.#last === undefined ? undefined : new Date(Number(this.#last / 1_000_000n)).toISOString();
  }

  /** The log is opened again, from {@link since} on. */
  reopen(): void {
    this.#boundary = this.#last;
    this.#skipAtBoundary = this.#countAtLast;
  }

  /** Whether a line of this time is new. Between two openings each line is, since time stamps of two streams may cross. */
  accept(ns: bigint): boolean {
    if (this.#boundary !== undefined && ns <= this.#boundary) {
      if (ns < this.#boundary) return false;
      if (this.#skipAtBoundary > 0) {
        this.#skipAtBoundary -= 1;
        return false;
      }
    } else this.#boundary = undefined;
    if (this.#last === undefined || ns > this.#last) {
      this.#last = ns;
      this.#countAtLast = 1;
    } else if (ns === this.#last) this.#countAtLast += 1;
    return true;
  }
}

/** A line of a pod's log with the time stamp that the node put before it; without one, it is the node's own message. */
export interface StampedLine {
  /** Nanoseconds since 1970. */
  readonly ns: bigint | undefined;
  readonly text: string;
}

/** Splits the time stamp (RFC 3339 with up to nine decimals and any offset) from a line. */
export function parseStampedLine(line: string): StampedLine {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ?(.*)$/s.exec(line);
  const [, seconds = '', decimals = '', offset = '', text = ''] = match ?? [];
  const ms = Date.parse(`${seconds}${offset}`);
  if (match === null || Number.isNaN(ms)) return { ns: undefined, text: line };
  return { ns: BigInt(ms) * 1_000_000n + BigInt(decimals.padEnd(9, '0')), text };
}
