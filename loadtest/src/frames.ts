import { randomFillSync } from 'node:crypto';

/** Opcodes of RFC 6455, section 5.2. */
export const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Longest message taken from a server, in bytes: it is no more than a short JSON object. */
const MAX_MESSAGE_BYTES = 1_048_576;
/** Ready frames of one message. More would not make masks more random to a server, only use memory. */
const POOL = 64;

/** Takes what a {@link FrameReader} finds. Bytes are only valid during the call. */
export interface FrameSink {
  /** A whole text or binary message: `bytes` from `from` to before `to`. */
  message(bytes: Buffer, from: number, to: number): void;
  /** A ping, pong or close frame. */
  control(opcode: number, payload: Buffer): void;
  /** The server broke RFC 6455; nothing further is read. */
  broken(problem: string): void;
}

/** One frame of a client: final, masked with a key of its own (RFC 6455, section 5.3). */
export function encodeFrame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const frame = Buffer.alloc(6 + extended + length);
  frame[0] = 0x80 | opcode;
  frame[1] = 0x80 | (extended === 0 ? length : extended === 2 ? 126 : 127);
  if (extended === 2) frame.writeUInt16BE(length, 2);
  if (extended === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  const at = 6 + extended;
  const mask = randomFillSync(frame.subarray(at - 4, at));
  for (let index = 0; index < length; index += 1) frame[at + index] = (payload[index] ?? 0) ^ (mask[index & 3] ?? 0);
  return frame;
}

/** The payload of a close frame (RFC 6455, section 5.5.1). */
export function closePayload(code: number, reason = ''): Buffer {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code);
  payload.write(reason, 2);
  return payload;
}

/**
 * Frames of one message, masked beforehand, each with another key. As Latin-1 strings: Node.js writes a short one to a
 * socket about 1 µs faster than a Buffer.
 */
export class FramePool {
  readonly #frames: readonly string[];
  #next = 0;

  /**
   * @param make makes one frame, each time with another mask
   * @param size how many are made
   */
  constructor(make: () => Buffer, size = POOL) {
    this.#frames = Array.from({ length: size }, () => make().toString('latin1'));
  }

  next(): string {
    this.#next = (this.#next + 1) % this.#frames.length;
    return this.#frames[this.#next] ?? '';
  }
}

/** Cuts a server's bytes into frames and joins fragmented messages. Whole frames within one read are not copied. */
export class FrameReader {
  readonly #sink: FrameSink;
  /** Begin of a frame whose end has not arrived. */
  #rest: Buffer | undefined;
  #fragments: Buffer[] | undefined;
  #fragmentBytes = 0;
  #broken = false;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Reads `bytes` up to `length`. The buffer may be used again afterwards. */
  push(bytes: Buffer, length = bytes.length): void {
    if (this.#broken) return;
    if (this.#rest === undefined) {
      const used = this.#readFrames(bytes, length);
      if (used < length) this.#rest = Buffer.from(bytes.subarray(used, length));
      return;
    }
    const joined = Buffer.concat([this.#rest, bytes.subarray(0, length)]);
    const used = this.#readFrames(joined, joined.length);
    this.#rest = used < joined.length ? joined.subarray(used) : undefined;
  }

  /** Reads whole frames; tells how many bytes they were. */
  #readFrames(bytes: Buffer, end: number): number {
    let at = 0;
    while (end - at >= 2 && !this.#broken) {
      let length = (bytes[at + 1] ?? 0) & 0x7f;
      let payload = at + 2;
      if (length > 125) {
        payload += length === 126 ? 2 : 8;
        if (payload > end) return at;
        length = length === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
      }
      if (((bytes[at + 1] ?? 0) & 0x80) !== 0) return this.#break('a masked frame from the server', end);
      if (length > MAX_MESSAGE_BYTES) return this.#break(`a frame of ${length} bytes`, end);
      if (payload + length > end) return at;
      this.#frame(bytes[at] ?? 0, bytes, payload, payload + length);
      at = payload + length;
    }
    return this.#broken ? end : at;
  }

  #frame(head: number, bytes: Buffer, from: number, to: number): void {
    // The hot path: a whole text message in one frame.
    if (head === (0x80 | OPCODES.text) && this.#fragments === undefined) {
      this.#sink.message(bytes, from, to);
      return;
    }
    const opcode = head & 0x0f;
    const final = (head & 0x80) !== 0;
    if ((head & 0x70) !== 0) this.#break('a frame with reserved bits set', to);
    else if (opcode >= OPCODES.close) this.#control(opcode, final, bytes.subarray(from, to));
    else this.#fragment(opcode, final, bytes.subarray(from, to));
  }

  #control(opcode: number, final: boolean, payload: Buffer): void {
    if (!final || payload.length > 125 || opcode > OPCODES.pong)
      this.#break(`a bad control frame, opcode ${opcode}`, 0);
    else this.#sink.control(opcode, payload);
  }

  #fragment(opcode: number, final: boolean, payload: Buffer): void {
    const begun = this.#fragments !== undefined;
    if (opcode > OPCODES.binary || begun !== (opcode === OPCODES.continuation)) {
      this.#break(`a data frame out of order, opcode ${opcode}`, 0);
      return;
    }
    const fragments = (this.#fragments ??= []);
    fragments.push(Buffer.from(payload));
    this.#fragmentBytes += payload.length;
    if (this.#fragmentBytes > MAX_MESSAGE_BYTES) this.#break(`a message of over ${MAX_MESSAGE_BYTES} bytes`, 0);
    else if (final) {
      const message = Buffer.concat(fragments);
      this.#fragments = undefined;
      this.#fragmentBytes = 0;
      this.#sink.message(message, 0, message.length);
    }
  }

  #break(problem: string, end: number): number {
    this.#broken = true;
    this.#sink.broken(problem);
    return end;
  }
}
