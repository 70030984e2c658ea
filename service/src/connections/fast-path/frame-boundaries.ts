/** Finds where the frames of a client end, without looking at their payload (RFC 6455, section 5.2). */
export class FrameBoundaries {
  /** Bytes left of the current frame; Infinity once it is not known where frames begin. */
  #left = 0;
  /** Fragments of a message came, and not its last one. */
  #fragmented = false;

  /** Whether the next byte is the first of a frame, and of a message. */
  get atMessageStart(): boolean {
    return this.#left === 0 && !this.#fragmented;
  }

  /** Steps over a chunk, from an offset to its end. */
  follow(chunk: Buffer, from: number): void {
    let at = from;
    while (at < chunk.length) {
      // A head in two chunks is rare: giving up on this connection costs less than putting it together.
      if (this.#left === 0 && !this.#readHead(chunk, at)) this.#left = Infinity;
      const step = Math.min(this.#left, chunk.length - at);
      this.#left -= step;
      at += step;
    }
  }

  /** @returns false if the chunk ends within the head */
  #readHead(chunk: Buffer, at: number): boolean {
    const available = chunk.length - at;
    if (available < 2) return false;
    const first = chunk[at] as number;
    const second = chunk[at + 1] as number;
    const short = second & LENGTH_BITS;
    if ((short === LENGTH_OF_2_BYTES && available < 4) || (short === LENGTH_OF_8_BYTES && available < 10)) return false;
    if ((first & OPCODE_BITS) < FIRST_CONTROL_OPCODE) this.#fragmented = first < FINAL;
    this.#left = second >= MASKED ? 6 : 2;
    if (short === LENGTH_OF_2_BYTES) this.#left += 2 + chunk.readUInt16BE(at + 2);
    else if (short === LENGTH_OF_8_BYTES) this.#left += 8 + Number(chunk.readBigUInt64BE(at + 2));
    else this.#left += short;
    return true;
  }
}

const FINAL = 0x80;
const OPCODE_BITS = 0x0f;
const FIRST_CONTROL_OPCODE = 0x8;
const MASKED = 0x80;
const LENGTH_BITS = 0x7f;
const LENGTH_OF_2_BYTES = 126;
const LENGTH_OF_8_BYTES = 127;
