/** Most bytes of lines that {@link LineBuffer} takes. */
export const LINE_BUFFER_BYTES = 65_536;
/** Most bytes of a character in UTF-8, for each of JavaScript's own units. */
export const MAX_CHARACTER_BYTES = 3;

/**
 * Log lines one after another, as bytes. A line is put together from parts in place: as a string it would be a tree of its parts, to
 * be walked and copied when it is written, and half of all that a message allocates.
 *
 * Whoever writes sees to it that what he writes {@link fits}.
 */
export class LineBuffer {
  readonly #bytes = Buffer.allocUnsafeSlow(LINE_BUFFER_BYTES);
  #length = 0;
  #lines = 0;

  /** Whole lines in it. */
  get lines(): number {
    return this.#lines;
  }

  /** Whether there is room for so many bytes. */
  fits(bytes: number): boolean {
    return this.#length + bytes <= LINE_BUFFER_BYTES;
  }

  /** A part that is the same in many lines. */
  bytes(part: Buffer): void {
    this.#bytes.set(part, this.#length);
    this.#length += part.length;
  }

  /** A part of ASCII alone. */
  ascii(part: string): void {
    this.#length += this.#bytes.write(part, this.#length, 'latin1');
  }

  /** Any text, of {@link MAX_CHARACTER_BYTES} a character at most. */
  text(part: string): void {
    this.#length += this.#bytes.write(part, this.#length);
  }

  /** A whole number, 0 or more, as JSON writes it. */
  whole(value: number): void {
    const bytes = this.#bytes;
    const start = this.#length;
    let end = start + 1;
    for (let bound = 10; bound <= value; bound *= 10) end += 1;
    this.#length = end;
    for (let rest = value; end > start; rest = Math.floor(rest / 10)) {
      end -= 1;
      bytes[end] = DIGIT_0 + (rest % 10);
    }
  }

  /** A number of thousandths, 0 or more, as JSON writes the number: 1500 as `1.5`. */
  thousandths(value: number): void {
    const whole = Math.floor(value / 1000);
    this.whole(whole);
    let rest = value - whole * 1000;
    if (rest > 0) this.#byte(POINT);
    for (let unit = 100; rest > 0; unit /= 10) {
      const digit = Math.floor(rest / unit);
      this.#byte(DIGIT_0 + digit);
      rest -= digit * unit;
    }
  }

  /** Ends the line. */
  end(): void {
    this.#byte(LINE_FEED);
    this.#lines += 1;
  }

  /** Takes all lines out. @returns their bytes, which stay good until the next line is begun */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    this.#lines = 0;
    return taken;
  }

  #byte(value: number): void {
    this.#bytes[this.#length] = value;
    this.#length += 1;
  }
}

const DIGIT_0 = 0x30;
const POINT = 0x2e;
const LINE_FEED = 0x0a;
