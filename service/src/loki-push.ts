import { LOG_LEVELS, type LogLevel } from './log-levels.ts';
import { HEAD_START, type LineShape, type LokiEntry } from './loki-lines.ts';
import { SnappyWriter, varint, varintLength } from './snappy-writer.ts';

/** What every entry of a process has in common. */
export interface LokiIdentity {
  /** Stream labels beside `level`. */
  readonly labels: Readonly<Record<string, string>>;
  /** Structured metadata that is the same on every entry. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Writes bodies of Loki's push API: a `PushRequest` of Protocol Buffers (Loki's pkg/push/push.proto), one stream for each level,
 * compressed by Snappy.
 *
 * It is written by hand since it is what a line costs most. The structured metadata stands in the line already, and much of the
 * line stands in the line before: both are written as references to there. JSON would take three times as long and twice the bytes.
 */
export class PushEncoder {
  readonly #labels: Readonly<Record<LogLevel, Buffer>>;
  readonly #sharedMetadata: Buffer;
  readonly #writer = new SnappyWriter();
  /** Structured metadata that all lines of a shape have. */
  readonly #constants = new WeakMap<LineShape, Buffer>();
  /** Where in the body text and constants of a shape stood last. */
  readonly #written = new Map<LineShape, { text: number; constants: number }>();
  readonly #breathe: () => void;

  /** @param breathe called for each entry */
  constructor({ labels, metadata }: LokiIdentity, breathe: () => void = () => undefined) {
    this.#breathe = breathe;
    const texts = LOG_LEVELS.map((level) => [level, field(TAG_1, labelText({ ...labels, level }))]);
    this.#labels = Object.fromEntries(texts) as Record<LogLevel, Buffer>;
    this.#sharedMetadata = Buffer.concat(Object.entries(metadata).map(([name, value]) => pair(name, value)));
  }

  /**
   * Encodes entries.
   * @param bytes what the entries were read from
   * @returns the body, which stays good until the next call
   */
  encode(bytes: Buffer, entries: readonly LokiEntry[]): Buffer {
    this.#writer.reset();
    this.#written.clear();
    for (const level of LOG_LEVELS) {
      const ofLevel = entries.filter(({ shape }) => shape.level === level);
      if (ofLevel.length > 0) this.#stream(bytes, this.#labels[level], ofLevel);
    }
    return this.#writer.finish();
  }

  #stream(bytes: Buffer, labels: Buffer, entries: readonly LokiEntry[]): void {
    const writer = this.#writer;
    writer.reserve(labels.length + ROOM);
    writer.byte(TAG_1);
    const gap = writer.gap();
    const start = writer.length;
    writer.bytes(labels);
    for (const entry of entries) {
      this.#entry(bytes, entry);
      this.#breathe();
    }
    writer.fill(gap, writer.length - start);
  }

  #entry(bytes: Buffer, entry: LokiEntry): void {
    const writer = this.#writer;
    const { shape, seconds, nanos, requestStart, requestEnd, sessionStart, sessionEnd } = entry;
    const constants = this.#constantsOf(shape);
    const length = entry.end - entry.start;
    writer.reserve(length + constants.length + requestEnd - requestStart + sessionEnd - sessionStart + ROOM);
    writer.byte(TAG_2);
    const gap = writer.gap();
    const start = writer.length;
    writer.byte(TAG_1);
    writer.byte(1 + varintLength(seconds) + 1 + varintLength(nanos));
    writer.byte(INTEGER_1);
    writer.varint(seconds);
    writer.byte(INTEGER_2);
    writer.varint(nanos);
    writer.byte(TAG_2);
    writer.varint(length);
    // Positions in the body, less those in what was read.
    const shift = writer.length - entry.start;
    this.#lineAndConstants(bytes, entry, constants);
    this.#reference(REQUEST_ID, bytes, requestStart, requestEnd, shift);
    this.#reference(SESSION_ID, bytes, sessionStart, sessionEnd, shift);
    writer.fill(gap, writer.length - start);
  }

  #lineAndConstants(bytes: Buffer, { shape, start, end }: LokiEntry, constants: Buffer): void {
    const writer = this.#writer;
    const { text } = shape;
    if (text.length === 0) {
      writer.bytes(bytes, start, end);
      writer.bytes(constants);
      return;
    }
    const before = this.#written.get(shape);
    const now = before ?? { text: 0, constants: 0 };
    if (before === undefined) this.#written.set(shape, now);
    writer.bytes(bytes, start, start + HEAD_START);
    now.text = this.#once(text, before?.text);
    writer.bytes(bytes, start + HEAD_START + text.length, end);
    now.constants = this.#once(constants, before?.constants);
  }

  /** Writes what may have been written before. @returns where it stands now */
  #once(text: Buffer, before: number | undefined): number {
    const writer = this.#writer;
    const now = writer.length;
    if (before !== undefined && writer.reaches(before)) writer.again(before, text.length);
    else writer.bytes(text);
    return now;
  }

  /** A pair whose value stands in the line. */
  #reference(name: Buffer, bytes: Buffer, start: number, end: number, shift: number): void {
    const length = end - start;
    if (length === 0) return;
    const writer = this.#writer;
    writer.byte(TAG_3);
    writer.varint(name.length + 1 + varintLength(length) + length);
    writer.bytes(name);
    writer.byte(TAG_2);
    writer.varint(length);
    if (writer.reaches(start + shift)) writer.again(start + shift, length);
    else writer.bytes(bytes, start, end);
  }

  #constantsOf(shape: LineShape): Buffer {
    let constants = this.#constants.get(shape);
    if (constants === undefined) {
      constants = Buffer.concat([
        this.#sharedMetadata,
        ...(shape.message === '' ? [] : [pair('message', shape.message)]),
        ...(shape.event === '' ? [] : [pair('event', shape.event)]),
      ]);
      this.#constants.set(shape, constants);
    }
    return constants;
  }
}

/** Tags of fields 1 to 3 with a length (wire type 2), and of fields 1 and 2 with an integer (wire type 0). */
const TAG_1 = 0x0a;
const TAG_2 = 0x12;
const TAG_3 = 0x1a;
const INTEGER_1 = 0x08;
const INTEGER_2 = 0x10;
const REQUEST_ID = field(TAG_1, 'request_id');
const SESSION_ID = field(TAG_1, 'session_id');
/** More than the tags, lengths, names and the timestamp of an entry. */
const ROOM = 128;

function field(tag: number, text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([tag]), varint(bytes.length), bytes]);
}

/** A pair of structured metadata: field 3 of an entry. */
function pair(name: string, value: string): Buffer {
  const fields = Buffer.concat([field(TAG_1, name), field(TAG_2, value)]);
  return Buffer.concat([Buffer.from([TAG_3]), varint(fields.length), fields]);
}

/** Labels as Loki reads them: a selector of equalities. Go's string literals take JSON's escapes. */
function labelText(labels: Readonly<Record<string, string>>): string {
  return `{${Object.entries(labels)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(', ')}}`;
}
