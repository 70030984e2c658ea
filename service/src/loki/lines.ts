import type { LokiEntry } from './types.ts';

/** A line as an entry for Loki. */
export interface LeveledEntry {
  readonly level: string;
  readonly entry: LokiEntry;
}

/**
 * Makes entries of the log's JSON lines. Each gets its own nanosecond, later than the one before: lines have milliseconds, and Loki
 * keeps no order among entries of one time. A clock that is set back by up to a second is waited for; one that is set back further
 * is followed.
 */
export class LineReader {
  readonly #metadata: Readonly<Record<string, string>>;
  #timestamp = '';
  #timestampMs = 0;
  /** Time of the last entry: a millisecond, and nanoseconds after it. */
  #ms = 0;
  #nanos = 0;

  /** @param metadata structured metadata that all entries have */
  constructor(metadata: Readonly<Record<string, string>>) {
    this.#metadata = metadata;
  }

  /**
   * The entry of a line, without its line feed.
   * @throws {SyntaxError} if it is not JSON
   */
  read(line: string): LeveledEntry {
    const { timestamp, level, message, event, request_id, session_id } = JSON.parse(line) as Record<string, string>;
    this.#tick(timestamp ?? '');
    const nanoseconds = `${this.#ms}${String(this.#nanos).padStart(6, '0')}`;
    // JSON leaves out what is undefined.
    const metadata = { ...this.#metadata, message, event, request_id, session_id } as Record<string, string>;
    return { level: level ?? 'INFO', entry: [nanoseconds, line, metadata] };
  }

  #tick(timestamp: string): void {
    if (timestamp !== this.#timestamp) {
      this.#timestamp = timestamp;
      this.#timestampMs = Date.parse(timestamp);
    }
    const ms = this.#timestampMs;
    const isLater = ms > this.#ms || ms < this.#ms - MAX_CLOCK_STEP_MS;
    this.#nanos = isLater ? 0 : this.#nanos + 1;
    if (isLater) this.#ms = ms;
  }
}

const MAX_CLOCK_STEP_MS = 1000;
