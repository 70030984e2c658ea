import type { LokiEntry } from './types.ts';

/** A line as an entry for Loki. */
export interface LeveledEntry {
  readonly level: string;
  readonly entry: LokiEntry;
}

/** Makes entries of the log's JSON lines. */
export class LineReader {
  readonly #clock = new LineClock();
  readonly #metadata: Readonly<Record<string, string>>;

  /** @param metadata structured metadata that all entries have */
  constructor(metadata: Readonly<Record<string, string>>) {
    this.#metadata = metadata;
  }

  /**
   * The entry of a line, without its line feed.
   * @throws {SyntaxError} if it is not JSON
   */
  read(line: string): LeveledEntry {
    const { timestamp, level, message, event, request_id, session_id } = JSON.parse(line) as LogLine;
    // What is undefined is left out of JSON.
    const metadata = { ...this.#metadata, message, event, request_id, session_id } as Record<string, string>;
    return { level, entry: [this.#clock.tick(timestamp), line, metadata] };
  }
}

/**
 * Gives each line its own nanosecond, later than the one before: lines have milliseconds, and Loki promises no order among entries of
 * one time. A clock that is set back by up to a second is waited for; one that is set back further is followed.
 */
export class LineClock {
  #timestamp = '';
  #parsedMs = 0;
  #ms = 0;
  #sub = 0;

  /**
   * The next free nanosecond of a millisecond, or after it.
   * @param timestamp ISO 8601
   * @returns nanoseconds since 1970
   */
  tick(timestamp: string): string {
    if (timestamp !== this.#timestamp) {
      this.#timestamp = timestamp;
      this.#parsedMs = Date.parse(timestamp);
    }
    const ms = this.#parsedMs;
    if (ms > this.#ms || ms < this.#ms - MAX_CLOCK_STEP_MS) this.#set(ms, 0);
    else if (this.#sub + 1 < NANOS_PER_MS) this.#set(this.#ms, this.#sub + 1);
    else this.#set(this.#ms + 1, 0);
    return `${this.#ms}${String(this.#sub).padStart(6, '0')}`;
  }

  #set(ms: number, sub: number): void {
    this.#ms = ms;
    this.#sub = sub;
  }
}

const NANOS_PER_MS = 1_000_000;
const MAX_CLOCK_STEP_MS = 1000;

/** What a line of the log has that Loki gets apart from its text. */
interface LogLine {
  readonly timestamp: string;
  readonly level: string;
  readonly message: string;
  readonly event: string;
  readonly request_id?: string;
  readonly session_id?: string;
}
