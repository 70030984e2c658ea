/** Knows where the frames of a client end, without looking at what is in them (RFC 6455, section 5.2). */
export class FrameFollower {
  /** Bytes still to come of the frame under way; Infinity once it is not known where frames begin. */
  #owed = 0;
  /** Fragments of a message came, and not its last. */
  #fragmented = false;

  /** Whether what comes next is the start of a frame, and of a message. */
  get atStart(): boolean {
    return this.#owed === 0 && !this.#fragmented;
  }

  /** Steps over what came, from an offset on. */
  follow(chunk: Buffer, from: number): void {
    let at = from;
    while (at < chunk.length) {
      // A head in two pieces is rare: to look for the next message no more costs less than to put it together.
      if (this.#owed === 0 && !this.#enter(chunk, at)) this.#owed = Infinity;
      const step = Math.min(this.#owed, chunk.length - at);
      this.#owed -= step;
      at += step;
    }
  }

  /** Reads the head of a frame. @returns false if it is not all there */
  #enter(chunk: Buffer, at: number): boolean {
    const left = chunk.length - at;
    if (left < 2) return false;
    const first = chunk[at] as number;
    const second = chunk[at + 1] as number;
    const short = second & LENGTH_BITS;
    if ((short === LENGTH_OF_2_BYTES && left < 4) || (short === LENGTH_OF_8_BYTES && left < 10)) return false;
    if ((first & OPCODE_BITS) < FIRST_CONTROL_OPCODE) this.#fragmented = first < FINAL;
    this.#owed = second >= MASKED ? 6 : 2;
    if (short === LENGTH_OF_2_BYTES) this.#owed += 2 + chunk.readUInt16BE(at + 2);
    else if (short === LENGTH_OF_8_BYTES) this.#owed += 8 + Number(chunk.readBigUInt64BE(at + 2));
    else this.#owed += short;
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
