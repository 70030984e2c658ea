import { LOG_LEVELS, type LogLevel } from '../log/levels.ts';
import { HEAD_START, type LineShape, type LokiEntry } from './lines.ts';
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
  /** The last entry of each shape. */
  readonly #written = new Map<LineShape, WrittenEntry>();
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
    for (const [level, ofLevel] of Map.groupBy(entries, ({ shape }) => shape.level))
      this.#stream(bytes, this.#labels[level], ofLevel);
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
    const last = this.#lastOf(shape);
    this.#lineAndConstants(bytes, entry, constants, last);
    this.#reference(REQUEST_ID, bytes, requestStart, requestEnd, shift, last.request);
    this.#reference(SESSION_ID, bytes, sessionStart, sessionEnd, shift, last.session);
    last.entry = entry;
    last.shift = shift;
    writer.fill(gap, writer.length - start);
  }

  #lastOf(shape: LineShape): WrittenEntry {
    const last = this.#written.get(shape) ?? new WrittenEntry();
    // A line that had to be parsed is like no other.
    if (shape.text.length > 0) this.#written.set(shape, last);
    return last;
  }

  /** @param last is told where the constants are */
  #lineAndConstants(bytes: Buffer, entry: LokiEntry, constants: Buffer, last: WrittenEntry): void {
    const writer = this.#writer;
    const { entry: before, shift, constantsAt } = last;
    const length = entry.end - entry.start + constants.length;
    if (before === undefined || !writer.reaches(before.start + shift, length)) {
      writer.bytes(bytes, entry.start, entry.end);
      last.constantsAt = writer.length;
      writer.bytes(constants);
      return;
    }
    this.#likeBefore(bytes, entry, before, shift);
    last.constantsAt = writer.length;
    writer.again(constantsAt, constants.length);
  }

  /** Writes a line as what it has in common with another of its shape, and the rest: ids, counts, durations. */
  #likeBefore(bytes: Buffer, { shape, start, end, sessionEnd }: LokiEntry, before: LokiEntry, shift: number): void {
    const writer = this.#writer;
    const textStart = start + HEAD_START;
    this.#difference(bytes, start, textStart, before.start, before.start + HEAD_START, shift);
    writer.again(before.start + HEAD_START + shift, shape.text.length);
    writer.bytes(bytes, textStart + shape.text.length, sessionEnd);
    this.#difference(bytes, sessionEnd, end, before.sessionEnd, before.end, shift);
  }

  /**
   * Writes a range of the bytes by reference to another, field by field as far as they are alike.
   * @param shift from where the other stands in the bytes to where it stands in the body
   */
  #difference(bytes: Buffer, start: number, end: number, other: number, otherEnd: number, shift: number): void {
    const writer = this.#writer;
    let rest = start;
    for (let at = start, from = other; at < end && from < otherEnd;) {
      const alike = commonLength(bytes, at, end, from, otherEnd);
      if (alike >= LEAST_REFERRED) {
        writer.bytes(bytes, rest, at);
        writer.again(from + shift, alike);
        rest = at + alike;
      }
      at = fieldEnd(bytes, at + alike, end);
      from = fieldEnd(bytes, from + alike, otherEnd);
    }
    writer.bytes(bytes, rest, end);
  }

  /**
   * Writes a pair whose value stands in the line.
   * @param shift from where the line was read to where it stands in the body
   * @param last the last pair of this name, which this becomes
   */
  #reference(name: Buffer, bytes: Buffer, start: number, end: number, shift: number, last: WrittenPair): void {
    const writer = this.#writer;
    const length = end - start;
    if (length === 0) return;
    const at = writer.length;
    if (last.length === length && writer.reaches(last.at)) writer.again(last.at, last.headLength);
    else {
      writer.byte(TAG_3);
      writer.varint(name.length + 1 + varintLength(length) + length);
      writer.bytes(name);
      writer.byte(TAG_2);
      writer.varint(length);
    }
    last.at = at;
    last.headLength = writer.length - at;
    last.length = length;
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

/** The entry of a shape that was written last. One object for all of a shape: what is made anew for each line is garbage. */
class WrittenEntry {
  entry: LokiEntry | undefined = undefined;
  /** Where its line stands in the body, less where it stands in what was read. */
  shift = 0;
  constantsAt = 0;
  readonly request = new WrittenPair();
  readonly session = new WrittenPair();
}

/** A pair that was written last: where, and how long it is up to its value, and its value. */
class WrittenPair {
  at = 0;
  headLength = 0;
  length = 0;
}

/** Fewer bytes are not worth a reference: with the head of the text after it, it takes seven. */
const LEAST_REFERRED = 8;
const COMMA = 0x2c;

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

/** How many bytes of two ranges are alike from their starts. */
function commonLength(bytes: Buffer, start: number, end: number, other: number, otherEnd: number): number {
  const most = Math.min(end - start, otherEnd - other);
  let length = 0;
  while (length < most && bytes[start + length] === bytes[other + length]) length += 1;
  return length;
}

/** Where the next comma is. */
function fieldEnd(bytes: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] !== COMMA) at += 1;
  return at;
}
