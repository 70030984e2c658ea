import { LOG_LEVELS, type LogLevel } from '../log/levels.ts';

const TIMESTAMP_START = '{"timestamp":"'.length;
const TIMESTAMP_LENGTH = '2024-01-15T10:30:00.123Z'.length;
/** Where the text of a {@link LineShape} begins in its lines. */
export const HEAD_START = TIMESTAMP_START + TIMESTAMP_LENGTH;

/** A range of bytes. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** What lines of one kind have in common: what stands between their timestamp and their `request_id`, and what that says. */
export interface LineShape {
  /** The bytes from the end of the timestamp, up to the value of `request_id`. */
  readonly text: Buffer;
  readonly level: LogLevel;
  readonly message: string;
  readonly event: string;
}

/** A log line as Loki is to have it. Its text and what is taken from it stay in the bytes that were read. */
export interface LokiEntry extends Range {
  readonly shape: LineShape;
  /** When: seconds since 1970, and nanoseconds of the second. No two entries of a process have the same. */
  readonly seconds: number;
  readonly nanos: number;
  /** Values of `request_id` and `session_id`; empty ranges if there is none. */
  readonly requestStart: number;
  readonly requestEnd: number;
  readonly sessionStart: number;
  readonly sessionEnd: number;
}

/**
 * Gives each line its own nanosecond, later than the one before: lines have milliseconds, and Loki promises no order among
 * entries of one time. A clock that is set back a little is waited for; one that is set back further is followed.
 */
export class LineClock {
  seconds = 0;
  nanos = 0;
  #ms = 0;
  #sub = 0;

  /** Moves to the next free nanosecond of this millisecond. */
  tick(ms: number): void {
    if (ms > this.#ms || ms < this.#ms - MAX_CLOCK_STEP_MS) this.#set(ms, 0);
    else if (this.#sub + 1 < NANOS_PER_MS) this.#set(this.#ms, this.#sub + 1);
    else this.#set(this.#ms + 1, 0);
  }

  #set(ms: number, sub: number): void {
    this.#ms = ms;
    this.#sub = sub;
    this.seconds = Math.floor(ms / 1000);
    this.nanos = (ms % 1000) * NANOS_PER_MS + sub;
  }
}

/** An entry as it is made: used again, it is written over. */
type OwnEntry = { -readonly [Field in keyof LokiEntry]: LokiEntry[Field] };

/** Reads the log's JSON lines, fast where they are like lines before. */
export class LineReader {
  readonly #clock = new LineClock();
  /** Those met last first: nearly all lines are of a few shapes. */
  readonly #shapes: LineShape[] = [];
  /** Entries to use again: collecting those of a push as garbage held up all threads for 3 ms. */
  readonly #free: OwnEntry[] = [];
  readonly #timestamp = Buffer.alloc(TIMESTAMP_LENGTH);
  readonly #breathe: () => void;
  #ms = 0;

  /** @param breathe called for each line */
  constructor(breathe: () => void = () => undefined) {
    this.#breathe = breathe;
  }

  /** @param bytes whole lines, each with its line feed */
  read(bytes: Buffer): LokiEntry[] {
    const entries: LokiEntry[] = [];
    for (
      let start = 0, end = bytes.indexOf(LINE_FEED);
      end !== -1;
      start = end + 1, end = bytes.indexOf(LINE_FEED, start)
    ) {
      entries.push(this.#readLine(bytes, start, end));
      this.#breathe();
    }
    return entries;
  }

  /** Takes entries back that nobody looks at any more. */
  giveBack(entries: readonly LokiEntry[]): void {
    for (const entry of entries) if (this.#free.length < MAX_FREE_ENTRIES) this.#free.push(entry);
  }

  #readLine(bytes: Buffer, start: number, end: number): LokiEntry {
    this.#tick(bytes, start + TIMESTAMP_START);
    const shape = this.#shapeAt(bytes, start + HEAD_START, end);
    if (shape === undefined) return this.#parseLine(bytes, start, end);
    const requestStart = start + HEAD_START + shape.text.length;
    const requestEnd = plainTextEnd(bytes, requestStart, end);
    const sessionStart = requestEnd + SESSION_HEAD.length;
    const sessionEnd = plainTextEnd(bytes, sessionStart, end);
    if (!standsAt(bytes, requestEnd, SESSION_HEAD) || sessionEnd === end) return this.#parseLine(bytes, start, end);
    return this.#entry(shape, start, end, requestStart, requestEnd, sessionStart, sessionEnd);
  }

  #tick(bytes: Buffer, at: number): void {
    // Lines of one millisecond come together.
    if (!standsAt(bytes, at, this.#timestamp)) {
      bytes.copy(this.#timestamp, 0, at, at + TIMESTAMP_LENGTH);
      this.#ms = Date.parse(this.#timestamp.toString('latin1'));
    }
    this.#clock.tick(this.#ms);
  }

  #shapeAt(bytes: Buffer, at: number, end: number): LineShape | undefined {
    const shapes = this.#shapes;
    for (let index = 0; index < shapes.length; index += 1) {
      const shape = shapes[index] as LineShape;
      if (!standsAt(bytes, at, shape.text)) continue;
      if (index > 0) shapes.unshift(...shapes.splice(index, 1));
      return shape;
    }
    const shape = newShape(bytes.toString('latin1', at, Math.min(end, at + MAX_SHAPE)));
    if (shape !== undefined) shapes.unshift(shape);
    if (shapes.length > MAX_SHAPES) shapes.pop();
    return shape;
  }

  /** Reads any line, in whatever order its fields are. */
  #parseLine(bytes: Buffer, start: number, end: number): LokiEntry {
    const line = JSON.parse(bytes.toString('utf8', start, end)) as Readonly<Record<string, unknown>>;
    const field = (name: string): string => (typeof line[name] === 'string' ? line[name] : '');
    const level = LOG_LEVELS.find((known) => known === line['level']) ?? 'INFO';
    const request = rangeOf(bytes, start, end, 'request_id', field('request_id'));
    const session = rangeOf(bytes, start, end, 'session_id', field('session_id'));
    const shape = { text: NO_TEXT, level, message: field('message'), event: field('event') };
    return this.#entry(shape, start, end, request.start, request.end, session.start, session.end);
  }

  #entry(
    shape: LineShape,
    start: number,
    end: number,
    requestStart: number,
    requestEnd: number,
    sessionStart: number,
    sessionEnd: number,
  ): LokiEntry {
    const { seconds, nanos } = this.#clock;
    const entry = this.#free.pop();
    if (entry === undefined)
      return { shape, seconds, nanos, start, end, requestStart, requestEnd, sessionStart, sessionEnd };
    entry.shape = shape;
    entry.seconds = seconds;
    entry.nanos = nanos;
    entry.start = start;
    entry.end = end;
    entry.requestStart = requestStart;
    entry.requestEnd = requestEnd;
    entry.sessionStart = sessionStart;
    entry.sessionEnd = sessionEnd;
    return entry;
  }
}

const NANOS_PER_MS = 1_000_000;
/** A step back of the clock up to this keeps the order of lines; beyond, their times follow the clock. */
const MAX_CLOCK_STEP_MS = 1000;
const LINE_FEED = 0x0a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LAST_ASCII = 0x7f;
const SESSION_HEAD = Buffer.from('","session_id":"');
const NO_TEXT = Buffer.alloc(0);
const MAX_SHAPES = 16;
/** As many as a push has lines, with some to spare. */
const MAX_FREE_ENTRIES = 2000;
const MAX_SHAPE = 512;

/** A line of a connection, from the end of its timestamp: ASCII without escapes, so that what stands there is what is meant. */
const SHAPE =
  /^","level":"(?<level>[A-Z]+)","logger":"[ !#-[\]-~]*","message":"(?<message>[ !#-[\]-~]*)","event":"(?<event>[a-z_]*)","request_id":"/;

function newShape(text: string): LineShape | undefined {
  const found = SHAPE.exec(text);
  const level = LOG_LEVELS.find((known) => known === found?.groups?.['level']);
  if (found === null || level === undefined) return undefined;
  const { message = '', event = '' } = found.groups ?? {};
  return { text: Buffer.from(found[0]), level, message, event };
}

function standsAt(bytes: Buffer, at: number, text: Buffer): boolean {
  // From the end: that is where timestamps and shapes differ.
  for (let index = text.length - 1; index >= 0; index -= 1) if (bytes[at + index] !== text[index]) return false;
  return true;
}

/** Where a JSON string of ASCII without escapes ends, that is its quote; `end` for any other. */
function plainTextEnd(bytes: Buffer, start: number, end: number): number {
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] as number;
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH || byte > LAST_ASCII) return end;
  }
  return end;
}

/** Where the value of a field stands in a line; nowhere if it is not written there as it is. */
function rangeOf(bytes: Buffer, start: number, end: number, name: string, value: string): Range {
  const text = Buffer.from(`"${name}":"${value}"`);
  const at = value === '' ? -1 : bytes.indexOf(text, start);
  if (at === -1 || at + text.length > end) return { start, end: start };
  const valueEnd = at + text.length - 1;
  return { start: valueEnd - Buffer.byteLength(value), end: valueEnd };
}
