/**
 * Writes Snappy's block format (Snappy's format_description.txt) for one who knows which of his bytes stood there before: he
 * says so, instead of a compressor searching for them. Positions and lengths are those of the text, not of what is written.
 */
export class SnappyWriter {
  #out = Buffer.allocUnsafeSlow(65_536);
  /** Where the next byte goes. */
  #at = MAX_PREAMBLE;
  /** Where the literal under way has its head; 0 if there is none. */
  #literal = 0;
  #length = 0;

  /** Length of the text so far. */
  get length(): number {
    return this.#length;
  }

  /** Begins a new text, over the last one. */
  reset(): void {
    this.#at = MAX_PREAMBLE;
    this.#literal = 0;
    this.#length = 0;
  }

  /** Makes room for so much text. To be called before it is written. */
  reserve(length: number): void {
    // At worst, each byte is a literal with a head of its own.
    const needed = this.#at + length * (1 + LITERAL_HEAD);
    if (needed <= this.#out.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#out.length * 2));
    this.#out.copy(larger, 0, 0, this.#at);
    this.#out = larger;
  }

  byte(value: number): void {
    if (this.#literal === 0) this.#beginLiteral();
    this.#out[this.#at] = value;
    this.#at += 1;
    this.#length += 1;
  }

  /** An integer below 2^32 as Protocol Buffers write it ("Encoding", base 128 varints). */
  varint(value: number): void {
    let rest = value >>> 0;
    for (; rest > 0x7f; rest >>>= 7) this.byte((rest & 0x7f) | 0x80);
    this.byte(rest);
  }

  bytes(source: Buffer, start = 0, end = source.length): void {
    if (start === end) return;
    if (this.#literal === 0) this.#beginLiteral();
    const written = source.copy(this.#out, this.#at, start, end);
    this.#at += written;
    this.#length += written;
  }

  /**
   * Leaves room for a varint of four bytes that is known later: lengths stand before what they measure.
   * @returns where it is, for {@link fill}
   */
  gap(): number {
    if (this.#literal === 0) this.#beginLiteral();
    this.#at += GAP_BYTES;
    this.#length += GAP_BYTES;
    return this.#at - GAP_BYTES;
  }

  /** Fills a gap. A varint may be longer than it must. */
  fill(gap: number, value: number): void {
    const out = this.#out;
    out[gap] = (value & 0x7f) | 0x80;
    out[gap + 1] = ((value >>> 7) & 0x7f) | 0x80;
    out[gap + 2] = ((value >>> 14) & 0x7f) | 0x80;
    out[gap + 3] = value >>> 21;
  }

  /**
   * Whether text from a position on is near enough to stand there {@link again}.
   * @param ahead how much is written before
   */
  reaches(position: number, ahead = 0): boolean {
    return this.#length + ahead - position <= MAX_DISTANCE;
  }

  /** The text that begins at a position, once more. */
  again(position: number, length: number): void {
    this.#endLiteral();
    const distance = this.#length - position;
    for (let left = length; left > 0; left -= MAX_COPY) {
      this.#out[this.#at] = ((Math.min(left, MAX_COPY) - 1) << 2) | COPY_WITH_2_BYTES;
      this.#out[this.#at + 1] = distance & 0xff;
      this.#out[this.#at + 2] = distance >> 8;
      this.#at += 3;
    }
    this.#length += length;
  }

  /** Ends the text. What it returns is written over by the next one. */
  finish(): Buffer {
    this.#endLiteral();
    const preamble = varint(this.#length);
    const start = MAX_PREAMBLE - preamble.length;
    preamble.copy(this.#out, start);
    return this.#out.subarray(start, this.#at);
  }

  #beginLiteral(): void {
    this.#literal = this.#at;
    this.#at += LITERAL_HEAD;
  }

  #endLiteral(): void {
    const head = this.#literal;
    if (head === 0) return;
    const last = this.#at - head - LITERAL_HEAD - 1;
    this.#out[head] = LITERAL_WITH_3_BYTES;
    this.#out[head + 1] = last & 0xff;
    this.#out[head + 2] = (last >> 8) & 0xff;
    this.#out[head + 3] = last >> 16;
    this.#literal = 0;
  }
}

/** Room for the length of the whole text, up to 32 bits. */
const MAX_PREAMBLE = 5;
/** Head of a literal: its tag, and three bytes of its length less one. */
const LITERAL_HEAD = 4;
const LITERAL_WITH_3_BYTES = 62 << 2;
/** Tag of a copy with a distance of two bytes, and the most that it copies. */
const COPY_WITH_2_BYTES = 2;
const MAX_COPY = 64;
const MAX_DISTANCE = 0xffff;
const GAP_BYTES = 4;

/** An integer below 2^32 as Protocol Buffers and Snappy write it: seven bits a byte, the lowest first. */
export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value >>> 0;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** How many bytes {@link varint} takes. */
export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value >>> 0; rest > 0x7f; rest >>>= 7) length += 1;
  return length;
}
