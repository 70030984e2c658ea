import { Duplex } from 'node:stream';

/** Who takes the messages that are found in what a socket reads. */
export interface MessageTaker {
  /** Whether it still counts messages. */
  readonly open: boolean;
  /** A whole message of ASCII text came, of so many bytes. */
  receivedText(length: number): void;
}

/**
 * Looks at what a socket reads before `ws` does, and takes the messages out that a {@link FrameScanner} finds.
 * Does nothing if something was read already: where its frames begin is not known.
 * @param stream the socket, whose `push` a source calls with each chunk (Node.js documentation, "readable.push()")
 * @param maxBytes longest message that is allowed
 */
export function scanAhead(stream: Duplex, maxBytes: number, taker: MessageTaker): void {
  if (stream.readableLength > 0) return;
  const scanned: ScannedStream = stream;
  scanned[SCANNER] = new FrameScanner(maxBytes, taker);
  stream.push = pushScanned;
}

const SCANNER = Symbol('frame scanner');

interface ScannedStream extends Duplex {
  [SCANNER]?: FrameScanner;
}

// One function for all streams: a closure for each is memory, at 10,000 of them.
function pushScanned(this: ScannedStream, chunk: Buffer | null, encoding?: BufferEncoding): boolean {
  const scanner = this[SCANNER];
  if (chunk === null || scanner === undefined) return Duplex.prototype.push.call(this, chunk, encoding);
  // What came before may wait yet, for `ws` that has paused the stream.
  const taken = scanner.scan(chunk, this.readableFlowing === true && this.readableLength === 0);
  if (taken === chunk.length) return true;
  return Duplex.prototype.push.call(this, taken === 0 ? chunk : chunk.subarray(taken), encoding);
}

/**
 * Finds, in what a socket read, the messages that nearly all are: one whole, short frame of ASCII text. `ws` would take each of
 * them through a second stream, four buffers and an event. Whatever else comes is `ws`'s, from the first byte of its frame
 * on: this only follows where its frames end, to know where the next one begins.
 */
export class FrameScanner {
  readonly #maxLength: number;
  readonly #taker: MessageTaker;
  /** Bytes still to come of a frame that `ws` has the start of; Infinity once it is not known where frames begin. */
  #owed = 0;
  /** `ws` has the first fragments of a message: text that comes now is a fault of the client, for `ws` to see. */
  #fragmented = false;

  /** @param maxBytes longest message that is allowed */
  constructor(maxBytes: number, taker: MessageTaker) {
    this.#maxLength = Math.min(maxBytes, MAX_SHORT_LENGTH);
    this.#taker = taker;
  }

  /**
   * Hands the messages at the start of a chunk to their taker.
   * @param take false if they have to go the way of what came before them
   * @returns how many bytes they took; what follows is for `ws`, and was followed
   */
  scan(chunk: Buffer, take: boolean): number {
    const taker = this.#taker;
    let at = 0;
    if (take && this.#owed === 0 && !this.#fragmented)
      while (taker.open) {
        const length = this.#shortTextAt(chunk, at);
        if (length === NONE) break;
        at += HEAD_BYTES + length;
        taker.receivedText(length);
      }
    if (at < chunk.length) this.#follow(chunk, at);
    return at;
  }

  /** Length of the text in the frame at an offset, if it is whole, alone, short, masked and ASCII (RFC 6455, section 5.2). */
  #shortTextAt(chunk: Buffer, at: number): number {
    if (chunk.length - at < HEAD_BYTES || chunk[at] !== FINAL_TEXT) return NONE;
    const length = (chunk[at + 1] as number) - MASKED;
    const start = at + HEAD_BYTES;
    if (length < 0 || length > this.#maxLength || chunk.length - start < length) return NONE;
    let bits = 0;
    for (let index = 0; index < length; index += 1)
      bits |= (chunk[start + index] as number) ^ (chunk[at + 2 + (index & 3)] as number);
    return bits > LAST_ASCII ? NONE : length;
  }

  /** Steps over frames that `ws` gets. */
  #follow(chunk: Buffer, from: number): void {
    let at = from;
    while (at < chunk.length) {
      if (this.#owed === 0 && !this.#enter(chunk, at)) {
        this.#owed = Infinity;
        return;
      }
      const step = Math.min(this.#owed, chunk.length - at);
      this.#owed -= step;
      at += step;
    }
  }

  /** Reads the head of a frame. @returns false if it is not all there */
  #enter(chunk: Buffer, at: number): boolean {
    const [first, second] = [chunk[at], chunk[at + 1]];
    if (first === undefined || second === undefined) return false;
    if ((first & OPCODE_BITS) < FIRST_CONTROL_OPCODE) this.#fragmented = first < FINAL;
    const short = second & LENGTH_BITS;
    const left = chunk.length - at;
    const mask = second >= MASKED ? MASK_BYTES : 0;
    if (short === 126 && left < 4) return false;
    if (short === 127 && left < 10) return false;
    if (short === 127) this.#owed = 10 + mask + Number(chunk.readBigUInt64BE(at + 2));
    else this.#owed = short === 126 ? 4 + mask + chunk.readUInt16BE(at + 2) : 2 + mask + short;
    return true;
  }
}

const NONE = -1;
const FINAL = 0x80;
const FINAL_TEXT = 0x81;
const OPCODE_BITS = 0x0f;
const FIRST_CONTROL_OPCODE = 0x8;
const MASKED = 0x80;
const LENGTH_BITS = 0x7f;
const MASK_BYTES = 4;
/** Two bytes and the mask. */
const HEAD_BYTES = 6;
/** Most that the length in the second byte can say itself. */
const MAX_SHORT_LENGTH = 125;
const LAST_ASCII = 0x7f;
