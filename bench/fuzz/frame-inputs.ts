import { constants, deflateRawSync } from 'node:zlib';
import { OPCODE } from '../../testkit/raw-client.ts';
import { mutate } from './mutate.ts';
import type { Random } from './random.ts';

/** What the frames are made for. */
export interface FrameTarget {
  /** MAX_MESSAGE_BYTES: sizes about it are tried. */
  readonly maxMessageBytes: number;
  /** permessage-deflate was agreed on, without context takeover by the client. */
  readonly deflate: boolean;
}

/** Is in the text of most messages, and must never be in a log line above DEBUG. */
export const CANARY = 'canary-of-the-fuzz';

/** The bytes of a client: mostly good frames, then perhaps a bad one, a close, or damage anywhere. */
export function frameStream(random: Random, target: FrameTarget): Buffer {
  const length = random.weighted(LENGTHS);
  const parts: Buffer[] = [];
  for (let unit = random.between(...length); unit > 0; unit -= 1) parts.push(random.weighted(GOOD)(random, target));
  if (random.chance(0.45)) {
    parts.push(random.weighted(BAD)(random, target));
    if (random.chance(0.3)) parts.push(text(random, target), random.weighted(GOOD)(random, target));
  }
  if (random.chance(0.4)) parts.push(close(random));
  const stream = Buffer.concat(parts);
  return random.chance(0.2) ? mutate(random, stream) : stream;
}

/** Good messages alone, so that their replies are known. */
export function goodMessages(random: Random, count: number): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => build(random, { payload: Buffer.from(CANARY) })));
}

/** A text frame. */
export function message(random: Random, payload: string): Buffer {
  return build(random, { payload: Buffer.from(payload) });
}

/** A close frame as a client answers one. */
export function closeFrame(random: Random, code: number): Buffer {
  return build(random, { opcode: OPCODE.close, payload: codeBytes(code) });
}

/** Pings without end, the longest allowed. */
export function pingFlood(random: Random, count: number): Buffer {
  const ping = build(random, { opcode: OPCODE.ping, payload: random.bytes(125) });
  return Buffer.concat(Array.from({ length: count }, () => ping));
}

type Maker = (random: Random, target: FrameTarget) => Buffer;

const LENGTHS: readonly (readonly [number, readonly [number, number]])[] = [
  [2, [0, 2]],
  [3, [3, 15]],
  [3, [16, 60]],
  [2, [60, 150]],
  // More than the burst of MESSAGE_RATE's default.
  [1, [150, 400]],
];

const GOOD: readonly (readonly [number, Maker])[] = [
  [700, text],
  [50, (random) => build(random, { payload: Buffer.alloc(0) })],
  [80, ping],
  [2, (random) => Buffer.concat(Array.from({ length: random.between(50, 150) }, () => ping(random)))],
  [30, (random) => build(random, { opcode: OPCODE.pong, payload: random.bytes(random.below(126)) })],
  [100, fragmented],
  [10, long],
  [30, (random) => build(random, { payload: Buffer.from(CANARY), lengthBytes: random.pick([2, 8]) })],
  [60, compressed],
];

const BAD: readonly (readonly [number, Maker])[] = [
  [10, (random) => build(random, { opcode: OPCODE.binary, payload: random.bytes(random.below(200)) })],
  [10, (random) => build(random, { payload: notUtf8(random) })],
  [6, (random) => Buffer.concat(fragments(random, notUtf8(random)))],
  [6, (random) => build(random, { masked: false, payload: Buffer.from(CANARY) })],
  [6, (random) => build(random, { rsv: random.between(1, 7), payload: Buffer.from(CANARY) })],
  [6, (random) => build(random, { opcode: random.pick([3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) })],
  [6, (random) => build(random, { opcode: random.pick([8, 9, 10]), fin: false, payload: random.bytes(2) })],
  [6, (random) => build(random, { opcode: random.pick([8, 9, 10]), payload: random.bytes(random.between(126, 300)) })],
  [6, (random) => build(random, { opcode: OPCODE.continuation, fin: random.chance(0.5), payload: random.bytes(3) })],
  [6, (random) => Buffer.concat([build(random, { fin: false }), build(random, { payload: Buffer.from(CANARY) })])],
  [6, tooBig],
  [6, (random) => build(random, { declared: random.pick(HUGE), lengthBytes: 8, payload: random.bytes(20) })],
  [10, badClose],
  [6, (random) => random.bytes(random.between(1, 200))],
  [4, (random) => build(random, { fin: false, payload: Buffer.from('é').subarray(0, 1) })],
  [2, brokenDeflate],
  [2, bomb],
  [1, manyFragments],
];

/** Lengths that overflow what 32, 53 or 63 bits hold. */
const HUGE: readonly bigint[] = [
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 64n - 1n,
];

/** Texts whose bytes are of every length that UTF-8 has. */
const LETTERS = ['a', 'Z', '"', '\\', '\n', '\u0000', 'é', 'ß', '€', '漢', '\ufeff', '\uffff', '😀', '\u{10ffff}'];

function ping(random: Random): Buffer {
  return build(random, { opcode: OPCODE.ping, payload: random.bytes(random.below(126)) });
}

function text(random: Random, target: FrameTarget): Buffer {
  return build(random, { payload: utf8(random, Math.min(random.below(120), target.maxMessageBytes)) });
}

function utf8(random: Random, bytes: number): Buffer {
  let made = CANARY;
  while (made.length < bytes) made += random.pick(LETTERS);
  // Bytes are more than characters: the end is cut where a character begins.
  let end = Math.min(bytes, Buffer.byteLength(made));
  const all = Buffer.from(made);
  while (end > 0 && ((all[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return all.subarray(0, end);
}

function notUtf8(random: Random): Buffer {
  const broken = random.pick([
    [0xff],
    [0xc0, 0xaf],
    [0xe2, 0x82],
    [0xed, 0xa0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0x80],
    [0xf0, 0x80, 0x80, 0x80],
  ]);
  return Buffer.concat([utf8(random, random.below(40)), Buffer.from(broken), utf8(random, random.below(10))]);
}

function long(random: Random, { maxMessageBytes: max }: FrameTarget): Buffer {
  const size = random.pick([125, 126, 127, 128, 1000, 65_535, 65_536, max - 1, max].filter((each) => each <= max));
  return build(random, { payload: Buffer.alloc(size, 'x') });
}

function tooBig(random: Random, { maxMessageBytes: max }: FrameTarget): Buffer {
  if (random.chance(0.5)) return build(random, { payload: Buffer.alloc(max + 1, 'x') });
  const half = Buffer.alloc((max >> 1) + 1, 'x');
  return Buffer.concat([
    build(random, { fin: false, payload: half }),
    build(random, { opcode: OPCODE.continuation, payload: half }),
  ]);
}

function fragmented(random: Random, target: FrameTarget): Buffer {
  const frames = fragments(random, utf8(random, Math.min(random.below(200), target.maxMessageBytes)));
  return Buffer.concat(
    frames.flatMap((each, index) => (index > 0 && random.chance(0.3) ? [control(random), each] : [each])),
  );
}

/** One message as up to six frames, cut anywhere: inside of a character, too, and some of them empty. */
function fragments(random: Random, payload: Buffer): Buffer[] {
  const cuts = Array.from({ length: random.between(1, 5) }, () => random.below(payload.length + 1)).sort(
    (a, b) => a - b,
  );
  return [0, ...cuts].map((start, index) =>
    build(random, {
      opcode: index === 0 ? OPCODE.text : OPCODE.continuation,
      fin: index === cuts.length,
      payload: payload.subarray(start, cuts[index] ?? payload.length),
    }),
  );
}

/** More than the 16,384 fragments that `ws` takes for one message. */
function manyFragments(random: Random): Buffer {
  if (!random.chance(0.03)) return build(random, { fin: false });
  const rest = build(random, { opcode: OPCODE.continuation, fin: false });
  return Buffer.concat([build(random, { fin: false }), ...Array.from({ length: 16_400 }, () => rest)]);
}

function control(random: Random): Buffer {
  return build(random, { opcode: random.pick([OPCODE.ping, OPCODE.pong]), payload: random.bytes(random.below(20)) });
}

function close(random: Random): Buffer {
  const code = random.weighted([
    [5, 1000],
    [2, 1001],
    [1, 1003],
    [1, 1011],
    [1, random.between(3000, 4999)],
  ]);
  const reason = random.chance(0.5) ? utf8(random, random.below(60)).subarray(CANARY.length) : Buffer.alloc(0);
  const payload = random.chance(0.2) ? Buffer.alloc(0) : Buffer.concat([codeBytes(code), reason]);
  return build(random, { opcode: OPCODE.close, payload });
}

function badClose(random: Random): Buffer {
  const payload = random.pick<() => Buffer>([
    () => Buffer.from([3]),
    () => codeBytes(random.pick([0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535])),
    () => Buffer.concat([codeBytes(1000), Buffer.from([0xff, 0xfe])]),
    () => Buffer.concat([codeBytes(random.below(65_536)), random.bytes(random.below(20))]),
  ])();
  return build(random, { opcode: OPCODE.close, payload });
}

function compressed(random: Random, target: FrameTarget): Buffer {
  return target.deflate
    ? build(random, { rsv: 4, payload: deflate(utf8(random, random.below(500))) })
    : text(random, target);
}

/** Text that inflates to more than a message may be. */
function bomb(random: Random, { deflate: agreed, maxMessageBytes }: FrameTarget): Buffer {
  const size = maxMessageBytes * random.pick([1, 2, 100]) + 1;
  return build(random, { rsv: agreed ? 4 : 0, payload: deflate(Buffer.alloc(Math.min(size, 10_000_000), 'x')) });
}

function brokenDeflate(random: Random): Buffer {
  return build(random, { rsv: 4, payload: mutate(random, deflate(utf8(random, 200))) });
}

/** RFC 7692, section 7.2.1: the last four bytes of a flush are left out. */
function deflate(plain: Buffer): Buffer {
  return deflateRawSync(plain, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
}

function codeBytes(code: number): Buffer {
  return Buffer.from([code >> 8, code & 0xff]);
}

interface FrameParts {
  readonly fin?: boolean;
  readonly rsv?: number;
  readonly opcode?: number;
  readonly masked?: boolean;
  readonly payload?: Buffer;
  /** Bytes after the first two that the length takes; the fewest possible by default. */
  readonly lengthBytes?: 0 | 2 | 8;
  /** Length that the header tells; the payload's by default. */
  readonly declared?: bigint;
}

/** Builds a frame whose parts need not fit together. */
function build(random: Random, parts: FrameParts): Buffer {
  const { fin = true, rsv = 0, opcode = OPCODE.text, masked = true, payload = Buffer.alloc(0) } = parts;
  const { declared = BigInt(payload.length), lengthBytes = fewestBytes(payload.length) } = parts;
  const head = Buffer.alloc(2 + lengthBytes + (masked ? 4 : 0));
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  head[1] = (masked ? 0x80 : 0) | { 0: Number(declared), 2: 126, 8: 127 }[lengthBytes];
  if (lengthBytes === 2) head.writeUInt16BE(Number(declared), 2);
  if (lengthBytes === 8) head.writeBigUInt64BE(declared, 2);
  if (!masked) return Buffer.concat([head, payload]);
  const mask = random.chance(0.1) ? Buffer.alloc(4) : random.bytes(4);
  mask.copy(head, head.length - 4);
  const frame = Buffer.concat([head, payload]);
  for (let index = 0; index < payload.length; index += 1)
    frame[head.length + index] = (frame[head.length + index] as number) ^ (mask[index & 3] as number);
  return frame;
}

function fewestBytes(length: number): 0 | 2 | 8 {
  if (length < 126) return 0;
  return length < 65_536 ? 2 : 8;
}
