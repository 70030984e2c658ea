import { constants, deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { frame, OPCODE, type FrameOptions } from '../../testkit/raw-client.ts';

/** What the service has to answer. */
export interface Answers {
  /** Messages that are counted. */
  readonly replies: number;
  readonly pongs: number;
  /** Code of the service's close frame; undefined if it sends none. */
  readonly close: number | undefined;
}

/** What a client sends after its handshake. */
export interface Stream {
  readonly bytes: Buffer;
  /** Frames that the service reads, a message in fragments as one; of damaged ones, as they were. */
  readonly frames: number;
  /** Undefined after damage: then the fast path and `ws` need only agree. */
  readonly expected: Answers | undefined;
}

/** The settings of the service that the frames are made for. */
export interface FrameLimits {
  /** MAX_MESSAGE_BYTES: sizes around it are tried. */
  readonly maxMessageBytes: number;
  /** MESSAGE_BURST, with a MESSAGE_RATE too low to matter; Infinity for no limit. */
  readonly burst: number;
  /** permessage-deflate is negotiated, without context takeover. */
  readonly deflate: boolean;
}

/** Part of the text of most messages; must not appear in a log line above DEBUG. */
export const CANARY = 'canary-of-the-fuzz';

/** Mostly good frames, then perhaps one that ends the connection, more frames behind it, and damage anywhere. */
export function streams(limits: FrameLimits): fc.Arbitrary<Stream> {
  const good = goodPieces(limits);
  return fc
    .record({
      before: fc.array(good, { maxLength: 60, size: 'max' }),
      last: fc.option(lastPieces(limits), { freq: 2 }),
      after: fc.array(good, { maxLength: 3 }),
      damage: fc.oneof(
        { weight: 4, arbitrary: fc.constant<Damage[]>([]) },
        { weight: 1, arbitrary: fc.array(damage, { minLength: 1, maxLength: 3 }) },
      ),
    })
    .map(({ before, last, after, damage: cuts }) => {
      const pieces = last === null ? before : [...before, last, ...(last.close === undefined ? [] : after)];
      const bytes = Buffer.concat(pieces.map((piece) => piece.bytes));
      const frames = Math.min(pieces.length, before.length + 1);
      if (cuts.length > 0) return { bytes: cuts.reduce(damaged, bytes), frames, expected: undefined };
      return { bytes, frames, expected: pieces.some(({ unknown }) => unknown) ? undefined : answersTo(pieces, limits) };
    });
}

/** A stream of one message. */
export function oneMessage(): Stream {
  return { bytes: frame(OPCODE.text, CANARY), frames: 1, expected: { replies: 1, pongs: 0, close: undefined } };
}

/** Bytes to be replaced: where, modulo the length; how many; by what. */
export type Damage = readonly [at: number, removed: number, inserted: Uint8Array];

export const damage: fc.Arbitrary<Damage> = fc.tuple(fc.nat(5000), fc.nat(8), fc.uint8Array({ maxLength: 8 }));

export function damaged(bytes: Buffer, [at, removed, inserted]: Damage): Buffer {
  const from = at % (bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, from), inserted, bytes.subarray(from + removed)]);
}

/** Frames that belong together, and what they bring about. */
interface Piece extends Answers {
  readonly bytes: Buffer;
  /** RFC 7692 leaves the outcome to the inflating library. */
  readonly unknown?: boolean;
}

/** Nothing is answered after a close. A message over the burst is one, too. */
function answersTo(pieces: readonly Piece[], { burst }: FrameLimits): Answers {
  let [replies, pongs] = [0, 0];
  for (const piece of pieces) {
    if (replies + piece.replies > burst) return { replies, pongs: pongs + piece.pongs, close: 1008 };
    replies += piece.replies;
    pongs += piece.pongs;
    if (piece.close !== undefined) return { replies, pongs, close: piece.close };
  }
  return { replies, pongs, close: undefined };
}

const REPLY: Answers = { replies: 1, pongs: 0, close: undefined };
const PONG: Answers = { replies: 0, pongs: 1, close: undefined };
const NOTHING: Answers = { replies: 0, pongs: 0, close: undefined };
const closing = (close: number): Answers => ({ ...NOTHING, close });

const LONG_ASCII = Buffer.from(CANARY.repeat(10));
const masks = fc.nat().map((word) => Buffer.from([word >>> 23, word >>> 15, word >>> 7, word]));
const ascii = fc.nat(125).map((length) => LONG_ASCII.subarray(0, length));
const utf8 = fc.string({ unit: 'grapheme', maxLength: 30 }).map((text) => Buffer.from(text));
const short = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes));
const controls = fc.constantFrom(OPCODE.ping, OPCODE.pong);
const notUtf8 = fc
  .tuple(ascii, fc.constantFrom('ff', 'c0af', 'e282', 'eda080', 'f4908080', '80', 'f0808080'), ascii)
  .map(([before, broken, after]) => Buffer.concat([before.subarray(0, 40), hex(broken), after.subarray(0, 20)]));

function goodPieces({ maxMessageBytes: max, deflate }: FrameLimits): fc.Arbitrary<Piece> {
  const sizes = [126, 127, 128, 700, max - 1, max].filter((size) => size <= max);
  return fc.oneof(
    { weight: 14, arbitrary: single(OPCODE.text, ascii, REPLY) },
    { weight: 3, arbitrary: single(OPCODE.text, utf8, REPLY) },
    { weight: 1, arbitrary: single(OPCODE.text, fc.constantFrom(...sizes).map(filler), REPLY) },
    { weight: 2, arbitrary: single(OPCODE.ping, ascii, PONG) },
    { weight: 1, arbitrary: single(OPCODE.pong, ascii, NOTHING) },
    { weight: 3, arbitrary: fragmented(utf8, REPLY) },
    // Lengths that take more bytes than they need.
    { weight: 1, arbitrary: fc.constantFrom('81fe0005', '81ff0000000000000005').map(unmaskedHello) },
    ...(deflate ? [{ weight: 8, arbitrary: compressed(utf8, REPLY) }] : []),
  );
}

/** What ends the reading: by the client, by the service, or since nothing whole follows. */
function lastPieces({ maxMessageBytes: max, deflate }: FrameLimits): fc.Arbitrary<Piece> {
  const protocolErrors = fc.oneof(
    single(OPCODE.text, ascii, closing(1002), { masked: false }),
    reserved(single(OPCODE.text, ascii, closing(1002)), deflate ? [0x10, 0x20, 0x30] : [0x10, 0x20, 0x40, 0x70]),
    fc.constantFrom(3, 4, 5, 6, 7, 11, 12, 13, 14, 15).chain((opcode) => single(opcode, short, closing(1002))),
    fc.constantFrom(8, 9, 10).chain((opcode) => single(opcode, short, closing(1002), { fin: false })),
    controls.chain((opcode) => single(opcode, fc.constant(filler(126)), closing(1002))),
    single(OPCODE.continuation, short, closing(1002)),
    fc.tuple(open(OPCODE.text), single(OPCODE.text, ascii, closing(1002))).map(joined),
    single(
      OPCODE.close,
      fc.constantFrom('03', '0000', '03e7', '03ec', '03ed', '03ee', '03f7', '07d0', '1388').map(hex),
      closing(1002),
    ),
  );
  const tooBig = fc.oneof(
    single(OPCODE.text, fc.constant(filler(max + 1)), closing(1009)),
    fc
      .tuple(open(OPCODE.text, filler(max)), single(OPCODE.continuation, fc.constant(filler(1)), closing(1009)))
      .map(joined),
    fc
      .constantFrom('80000000', 'ffffffff', '100000000', '1fffffffffffff', '20000000000000', 'ffffffffffffffff')
      .map((length) => ({
        ...closing(1009),
        bytes: hex(`81ff${length.padStart(16, '0')}00000000`),
      })),
  );
  const invalid = fc.oneof(
    single(OPCODE.text, notUtf8, closing(1007)),
    fragmented(notUtf8, closing(1007)),
    single(OPCODE.close, fc.constant(hex('03e8fffe')), closing(1007)),
  );
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc.oneof(
        ...[1000, 1001, 1003, 1011, 3000, 4999].map(clientClose),
        single(OPCODE.close, fc.constant(Buffer.alloc(0)), closing(1005)),
      ),
    },
    { weight: 2, arbitrary: single(OPCODE.binary, short, closing(1003)) },
    { weight: 3, arbitrary: invalid },
    { weight: 6, arbitrary: protocolErrors },
    { weight: 3, arbitrary: tooBig },
    { weight: 2, arbitrary: fc.oneof(open(OPCODE.text), open(OPCODE.binary), cutOff) },
    ...(deflate ? [{ weight: 6, arbitrary: inflated(max) }] : []),
  );
}

function single(
  opcode: number,
  payload: fc.Arbitrary<Buffer>,
  answers: Answers,
  options: FrameOptions = {},
): fc.Arbitrary<Piece> {
  return fc
    .tuple(payload, masks)
    .map(([bytes, mask]) => ({ ...answers, bytes: frame(opcode, bytes, { ...options, mask }) }));
}

/** One message in up to four frames, cut anywhere, perhaps with a ping between them. */
function fragmented(payload: fc.Arbitrary<Buffer>, answers: Answers): fc.Arbitrary<Piece> {
  return fc
    .tuple(payload, fc.array(fc.nat(60), { minLength: 1, maxLength: 3 }), fc.boolean(), masks)
    .map(([bytes, cuts, ping, mask]) => {
      const ends = [...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
      const frames = ends.map((end, index) =>
        frame(index === 0 ? OPCODE.text : OPCODE.continuation, bytes.subarray(ends[index - 1] ?? 0, end), {
          mask,
          fin: index === ends.length - 1,
        }),
      );
      if (ping) frames.splice(1, 0, frame(OPCODE.ping, 'between', { mask }));
      return { ...answers, pongs: Number(ping), bytes: Buffer.concat(frames) };
    });
}

/** The start of a message that never ends. */
function open(opcode: number, payload = hex('c3')): fc.Arbitrary<Piece> {
  return single(opcode, fc.constant(payload), NOTHING, { fin: false });
}

const cutOff: fc.Arbitrary<Piece> = fc.tuple(ascii, fc.nat(130), masks).map(([payload, length, mask]) => {
  const whole = frame(OPCODE.text, payload, { mask });
  return { ...NOTHING, bytes: whole.subarray(0, length % whole.length) };
});

function clientClose(code: number): fc.Arbitrary<Piece> {
  const head = Buffer.from([code >> 8, code & 0xff]);
  // Not the canary: the reason is logged.
  return single(
    OPCODE.close,
    fc.nat(60).map((length) => Buffer.concat([head, filler(length)])),
    closing(code),
  );
}

function reserved(piece: fc.Arbitrary<Piece>, bits: readonly number[]): fc.Arbitrary<Piece> {
  return fc
    .tuple(piece, fc.constantFrom(...bits))
    .map(([each, bit]) => ({ ...each, bytes: withBits(each.bytes, bit) }));
}

/** A compressed message (RFC 7692, section 7.2.1: the last four bytes of a flush are left out). */
function compressed(payload: fc.Arbitrary<Buffer>, answers: Answers): fc.Arbitrary<Piece> {
  const deflated = payload.map((plain) =>
    deflateRawSync(plain, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4),
  );
  return reserved(single(OPCODE.text, deflated, answers), [0x40]);
}

/** Compressed data that is broken, or that explodes. */
function inflated(max: number): fc.Arbitrary<Piece> {
  return fc.oneof(
    compressed(fc.constantFrom(max + 1, max * 2, max * 1000).map(filler), closing(1009)),
    reserved(single(OPCODE.text, short, NOTHING), [0x40]).map((piece) => ({ ...piece, unknown: true })),
  );
}

function joined(pieces: readonly Piece[]): Piece {
  return { ...(pieces.at(-1) ?? NOTHING), bytes: Buffer.concat(pieces.map(({ bytes }) => bytes)) };
}

function unmaskedHello(head: string): Piece {
  return { ...REPLY, bytes: Buffer.concat([hex(`${head}00000000`), Buffer.from('hello')]) };
}

function withBits(bytes: Buffer, bits: number): Buffer {
  return Buffer.concat([Buffer.from([(bytes[0] ?? 0) | bits]), bytes.subarray(1)]);
}

function filler(length: number): Buffer {
  return Buffer.alloc(length, 'x');
}

function hex(text: string): Buffer {
  return Buffer.from(text, 'hex');
}
