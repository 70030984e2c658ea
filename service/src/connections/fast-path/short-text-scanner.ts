import { Duplex } from 'node:stream';
import { FrameFollower } from './frame-boundaries.ts';

/** Who takes the messages that are found in what a socket reads. */
export interface MessageTaker {
  /** Whether it still counts messages. */
  readonly open: boolean;
  /** Longest message that is allowed, in bytes. */
  readonly maxMessageBytes: number;
  /** While `ws` has the start of something alone: follows it to its end. A field here, since most connections never need one. */
  follower: FrameFollower | undefined;
  /** A whole message of ASCII text came, of so many bytes. */
  receivedText(length: number): void;
}

/**
 * Looks at what a socket reads before `ws` does, and takes messages out by {@link scan}.
 * Does nothing if something was read already: where its frames begin is not known.
 * @param stream the socket, whose `push` its source calls with each chunk (Node.js documentation, "readable.push()")
 */
export function scanAhead(stream: Duplex, taker: MessageTaker): void {
  if (stream.readableLength > 0) return;
  const scanned: ScannedStream = stream;
  scanned[TAKER] = taker;
  stream.push = pushScanned;
}

/**
 * Takes, from the start of a chunk, the messages that nearly all are: one whole, short frame of ASCII text. `ws` would carry
 * each of them through a second stream, four buffers and an event. Whatever else comes is `ws`'s, from the first byte of its
 * frame on: it is only followed to where its frames end, to know where the next one begins.
 * @param take false if messages have to go the way of what came before them
 * @returns how many bytes were taken; what follows is for `ws`
 */
export function scan(chunk: Buffer, take: boolean, taker: MessageTaker): number {
  let at = 0;
  if (take && taker.follower === undefined)
    while (taker.open) {
      const length = shortTextAt(chunk, at, taker.maxMessageBytes);
      if (length === NONE) break;
      at += HEAD_BYTES + length;
      taker.receivedText(length);
    }
  if (at < chunk.length) follow(chunk, at, taker);
  return at;
}

const TAKER = Symbol('message taker');

interface ScannedStream extends Duplex {
  [TAKER]?: MessageTaker;
}

// One function for all streams: a closure for each is memory, at 10,000 of them.
function pushScanned(this: ScannedStream, chunk: Buffer | null, encoding?: BufferEncoding): boolean {
  const taker = this[TAKER];
  if (chunk === null || taker === undefined) return Duplex.prototype.push.call(this, chunk, encoding);
  // What came before may wait yet, for `ws` that has paused the stream.
  const taken = scan(chunk, this.readableFlowing === true && this.readableLength === 0, taker);
  if (taken === chunk.length) return true;
  return Duplex.prototype.push.call(this, taken === 0 ? chunk : chunk.subarray(taken), encoding);
}

/** Length of the text in the frame at an offset, if it is whole, alone, short, masked and ASCII (RFC 6455, section 5.2). */
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

function follow(chunk: Buffer, from: number, taker: MessageTaker): void {
  const follower = taker.follower ?? new FrameFollower();
  follower.follow(chunk, from);
  taker.follower = follower.atStart ? undefined : follower;
}

const NONE = -1;
const FINAL_TEXT = 0x81;
const MASKED = 0x80;
/** Two bytes and the mask. */
const HEAD_BYTES = 6;
/** Most that the length in the second byte can say itself. */
const MAX_SHORT_LENGTH = 125;
const LAST_ASCII = 0x7f;
