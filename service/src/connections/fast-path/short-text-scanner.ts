import { Duplex } from 'node:stream';
import { FrameBoundaries } from './frame-boundaries.ts';

/** Receives the messages that the scanner takes. */
export interface ShortTextReceiver {
  /** Whether it still counts messages. */
  readonly open: boolean;
  /** Maximum size of a message, in bytes. */
  readonly maxMessageBytes: number;
  /** A whole message of ASCII text came, of so many bytes. */
  receivedText(length: number): void;
}

/**
 * Takes the short text messages from what a socket reads, before `ws` sees it. Nearly all messages are one whole, short
 * frame of ASCII text, and `ws` would carry each of them through a second stream, four buffers and an event. Everything
 * else is for `ws`, from the first byte of its frame on; the scanner only follows it to where its frames end.
 *
 * It relies on Node.js calling a socket's `push` with each chunk that it reads. That is how the source of a stream
 * works ("readable.push()" in its documentation), but no promise that an override is called: fast-path.test.ts fails
 * when it is not.
 *
 * Does nothing if the socket has bytes that nobody read yet, since it is not known where their frames begin.
 */
export function takeShortTexts(stream: Duplex, receiver: ShortTextReceiver): void {
  if (stream.readableLength > 0) return;
  const scanned: ScannedStream = stream;
  scanned[RECEIVER] = receiver;
  stream.push = pushScanned;
}

const RECEIVER = Symbol('receiver of short texts');
const BOUNDARIES = Symbol('frame boundaries');

interface ScannedStream extends Duplex {
  [RECEIVER]?: ShortTextReceiver;
  /** While `ws` has the start of a frame or message: where it ends. Few connections ever need one. */
  [BOUNDARIES]?: FrameBoundaries | undefined;
}

// One function for all streams: a closure for each is memory, at 10,000 of them.
function pushScanned(this: ScannedStream, chunk: Buffer | null, encoding?: BufferEncoding): boolean {
  const receiver = this[RECEIVER];
  if (chunk === null || receiver === undefined) return Duplex.prototype.push.call(this, chunk, encoding);
  const taken = scan(this, chunk, receiver);
  if (taken === chunk.length) return true;
  return Duplex.prototype.push.call(this, taken === 0 ? chunk : chunk.subarray(taken), encoding);
}

/** Takes the messages at the start of a chunk. @returns how many bytes they have; what follows is for `ws` */
function scan(stream: ScannedStream, chunk: Buffer, receiver: ShortTextReceiver): number {
  let at = 0;
  // While `ws` has paused the stream, or what came before waits in it, messages have to wait behind that.
  if (stream.readableFlowing === true && stream.readableLength === 0 && stream[BOUNDARIES] === undefined)
    while (receiver.open) {
      const length = shortTextAt(chunk, at, receiver.maxMessageBytes);
      if (length === NONE) break;
      at += HEAD_BYTES + length;
      receiver.receivedText(length);
    }
  if (at < chunk.length) follow(stream, chunk, at);
  return at;
}

/**
 * Length of the text in the frame at an offset, if it is whole, alone, short, masked and ASCII (RFC 6455, section 5.2).
 */
function shortTextAt(chunk: Buffer, at: number, maxLength: number): number {
  if (chunk.length - at < HEAD_BYTES || chunk[at] !== FINAL_TEXT) return NONE;
  const length = (chunk[at + 1] as number) - MASKED;
  const start = at + HEAD_BYTES;
  if (length < 0 || length > MAX_SHORT_LENGTH || length > maxLength || chunk.length - start < length) return NONE;
  let bits = 0;
  for (let index = 0; index < length; index += 1)
    bits |= (chunk[start + index] as number) ^ (chunk[at + 2 + (index & 3)] as number);
  return bits > LAST_ASCII ? NONE : length;
}

function follow(stream: ScannedStream, chunk: Buffer, from: number): void {
  const boundaries = stream[BOUNDARIES] ?? new FrameBoundaries();
  boundaries.follow(chunk, from);
  stream[BOUNDARIES] = boundaries.atMessageStart ? undefined : boundaries;
}

const NONE = -1;
const FINAL_TEXT = 0x81;
const MASKED = 0x80;
/** Two bytes and the mask. */
const HEAD_BYTES = 6;
/** Maximum length that the second byte can hold by itself. */
const MAX_SHORT_LENGTH = 125;
const LAST_ASCII = 0x7f;
