import { constants, inflateRawSync } from 'node:zlib';
import type { ErrorType, MessageRejection } from '../../service/src/metrics/metrics.ts';
import { OPCODE } from '../../testkit/raw-client.ts';
import type { FrameTarget } from './frame-inputs.ts';

/** What the service must do with a client's bytes. */
export interface Prediction {
  /** Frames that are read, up to the one that ends the reading. */
  readonly frames: number;
  /** Messages that are counted and answered. */
  readonly replies: number;
  /** Pings that are answered. */
  readonly pings: number;
  /** Close frame that the service sends: its own, or the answer to the client's. None if the bytes bring about neither. */
  readonly close: { readonly by: 'client' | 'server'; readonly code: number } | undefined;
  /** What it counts in `websocket_errors_total`. */
  readonly errors: readonly ErrorType[];
  /** What it counts in `websocket_messages_rejected_total`. */
  readonly rejections: readonly MessageRejection[];
  /** False where RFC 7692 leaves the outcome to the inflating library: then only the session itself can tell its count. */
  readonly certain: boolean;
}

/** Most fragments of one message (`ws`, `maxFragments`). */
const MAX_FRAGMENTS = 16_384;

/** Reads a client's bytes as RFC 6455 and the service's protocol table demand; shares no code with either. */
export function predict(bytes: Buffer, target: FrameTarget): Prediction {
  return new FrameModel(bytes, target).run();
}

class FrameModel {
  readonly #bytes: Buffer;
  readonly #target: FrameTarget;
  #at = 0;
  #frames = 0;
  #replies = 0;
  #pings = 0;
  #close: Prediction['close'];
  readonly #errors: ErrorType[] = [];
  readonly #rejections: MessageRejection[] = [];
  #certain = true;
  /** Nothing more is read. */
  #over = false;
  /** Opcode of the message whose fragments are being gathered. */
  #gathering: number | undefined;
  #compressed = false;
  #parts: Buffer[] = [];
  #gathered = 0;
  #fragments = 0;

  constructor(bytes: Buffer, target: FrameTarget) {
    this.#bytes = bytes;
    this.#target = target;
  }

  run(): Prediction {
    while (!this.#over && this.#readFrame());
    return {
      frames: this.#frames,
      replies: this.#replies,
      pings: this.#pings,
      close: this.#close,
      errors: this.#errors,
      rejections: this.#rejections,
      certain: this.#certain,
    };
  }

  /** @returns whether there was a whole frame, or enough of one to refuse it */
  #readFrame(): boolean {
    const bytes = this.#bytes;
    if (bytes.length - this.#at < 2) return false;
    const first = bytes[this.#at] as number;
    const second = bytes[this.#at + 1] as number;
    const isControl = (first & 0x0f) >= 8;
    this.#frames += 1;
    if (!this.#headIsGood(first, second)) return this.#fail('protocol_error', 1002);
    const lengthBytes = { 126: 2, 127: 8 }[second & 0x7f] ?? 0;
    if (bytes.length - this.#at < 2 + lengthBytes) return false;
    const length = this.#length(second & 0x7f);
    if (length > BigInt(Number.MAX_SAFE_INTEGER)) return this.#fail('message_too_big', 1009, 'too_big');
    if (!isControl && BigInt(this.#gathered) + length > BigInt(this.#target.maxMessageBytes))
      return this.#fail('message_too_big', 1009, 'too_big');
    const start = this.#at + 2 + lengthBytes + 4;
    const end = start + Number(length);
    if (bytes.length < end) return false;
    this.#at = end;
    const payload = unmasked(bytes.subarray(start - 4, start), bytes.subarray(start, end));
    if (isControl) this.#control(first & 0x0f, payload);
    else this.#data(first & 0x0f, (first & 0x80) !== 0, (first & 0x40) !== 0, payload);
    return true;
  }

  #headIsGood(first: number, second: number): boolean {
    const opcode = first & 0x0f;
    const fin = (first & 0x80) !== 0;
    const rsv1 = (first & 0x40) !== 0;
    if ((first & 0x30) !== 0 || (second & 0x80) === 0) return false;
    if (rsv1 && (!this.#target.deflate || (opcode !== OPCODE.text && opcode !== OPCODE.binary))) return false;
    if (opcode === OPCODE.continuation) return this.#gathering !== undefined;
    if (opcode === OPCODE.text || opcode === OPCODE.binary) return this.#gathering === undefined;
    const length = second & 0x7f;
    return opcode >= 8 && opcode <= 10 && fin && length <= 125 && !(opcode === OPCODE.close && length === 1);
  }

  #length(short: number): bigint {
    if (short === 126) return BigInt(this.#bytes.readUInt16BE(this.#at + 2));
    return short === 127 ? this.#bytes.readBigUInt64BE(this.#at + 2) : BigInt(short);
  }

  #control(opcode: number, payload: Buffer): void {
    if (opcode === OPCODE.ping && this.#close === undefined) this.#pings += 1;
    if (opcode !== OPCODE.close) return;
    if (payload.length >= 2 && !isCloseCode(payload.readUInt16BE())) this.#fail('protocol_error', 1002);
    else if (!isUtf8(payload.subarray(2))) this.#fail('invalid_utf8', 1007, 'invalid_utf8');
    else {
      this.#close ??= { by: 'client', code: payload.length === 0 ? 1005 : payload.readUInt16BE() };
      this.#over = true;
    }
  }

  #data(opcode: number, fin: boolean, compressed: boolean, payload: Buffer): void {
    if (opcode !== OPCODE.continuation) {
      this.#gathering = opcode;
      this.#compressed = compressed;
    }
    this.#fragments += 1;
    if (this.#fragments > MAX_FRAGMENTS) {
      this.#fail('protocol_error', 1008);
      return;
    }
    this.#parts.push(payload);
    this.#gathered += payload.length;
    if (!fin) return;
    const whole = Buffer.concat(this.#parts);
    const isText = this.#gathering === OPCODE.text;
    this.#gathering = undefined;
    this.#parts = [];
    this.#gathered = 0;
    this.#fragments = 0;
    const plain = this.#compressed ? this.#inflate(whole) : whole;
    if (plain !== undefined) this.#message(isText, plain);
  }

  #message(isText: boolean, payload: Buffer): void {
    if (isText && !isUtf8(payload)) this.#fail('invalid_utf8', 1007, 'invalid_utf8');
    else if (this.#close !== undefined) this.#rejections.push('closing');
    else if (isText) this.#replies += 1;
    else {
      this.#errors.push('binary_message');
      this.#rejections.push('binary');
      this.#close = { by: 'server', code: 1003 };
    }
  }

  #inflate(payload: Buffer): Buffer | undefined {
    // What a library does with an end inside of the data, or with data after the last block, is its own affair.
    this.#certain = false;
    try {
      return inflateRawSync(Buffer.concat([payload, Buffer.from([0, 0, 0xff, 0xff])]), {
        finishFlush: constants.Z_SYNC_FLUSH,
        maxOutputLength: this.#target.maxMessageBytes,
      });
    } catch {
      this.#over = true;
      return undefined;
    }
  }

  /** `ws` closes and reads no further; a close frame that was sent before stays the one. */
  #fail(error: ErrorType, code: number, rejection?: MessageRejection): true {
    this.#errors.push(error);
    if (rejection !== undefined) this.#rejections.push(rejection);
    this.#close ??= { by: 'server', code };
    this.#over = true;
    return true;
  }
}

/** RFC 6455, section 7.4, and the codes that the IANA registry added to it. */
function isCloseCode(code: number): boolean {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

function unmasked(mask: Buffer, payload: Buffer): Buffer {
  const plain = Buffer.allocUnsafe(payload.length);
  for (let index = 0; index < payload.length; index += 1)
    plain[index] = (payload[index] as number) ^ (mask[index & 3] as number);
  return plain;
}

/** RFC 3629, section 4. */
function isUtf8(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at] as number;
    const length = characterLength(first);
    if (length === 0 || at + length > bytes.length) return false;
    let point = length === 1 ? first : first & (0x7f >> length);
    for (let index = 1; index < length; index += 1) {
      const next = bytes[at + index] as number;
      if ((next & 0xc0) !== 0x80) return false;
      point = (point << 6) | (next & 0x3f);
    }
    if (point < (LEAST_POINT[length] as number) || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
      return false;
    at += length;
  }
  return true;
}

/** Least code point that needs so many bytes. */
const LEAST_POINT: readonly number[] = [0, 0, 0x80, 0x800, 0x10000];

function characterLength(first: number): number {
  if (first < 0x80) return 1;
  if (first < 0xc0) return 0;
  if (first < 0xe0) return 2;
  if (first < 0xf0) return 3;
  return first < 0xf8 ? 4 : 0;
}
