import type { Random } from './random.ts';

/** Damages bytes a little: flips bits, sets, inserts, deletes, doubles or cuts. The input is left as it is. */
export function mutate(random: Random, bytes: Buffer): Buffer {
  let mutated = Buffer.from(bytes);
  for (let times = random.weighted(TIMES); times > 0 && mutated.length > 0; times -= 1)
    mutated = random.pick(MUTATIONS)(random, mutated);
  return mutated;
}

/** Cuts bytes into the chunks in which they are written: mostly few, at times one byte each. */
export function chunks(random: Random, bytes: Buffer): Buffer[] {
  if (bytes.length < 2 || random.chance(0.6)) return [bytes];
  if (bytes.length < 40 && random.chance(0.2)) return Array.from(bytes, (byte) => Buffer.from([byte]));
  const cuts = Array.from({ length: random.between(1, 6) }, () => random.below(bytes.length)).sort((a, b) => a - b);
  return [0, ...cuts]
    .map((start, index) => bytes.subarray(start, cuts[index] ?? bytes.length))
    .filter((part) => part.length > 0);
}

const TIMES: readonly (readonly [number, number])[] = [
  [6, 1],
  [3, 2],
  [1, 8],
];

type Mutation = (random: Random, bytes: Buffer) => Buffer<ArrayBuffer>;

const MUTATIONS: readonly Mutation[] = [
  (random, bytes) => {
    const flipped = Buffer.from(bytes);
    const at = random.below(bytes.length);
    flipped[at] = (flipped[at] as number) ^ (1 << random.below(8));
    return flipped;
  },
  (random, bytes) => {
    const set = Buffer.from(bytes);
    set[random.below(bytes.length)] = random.pick([0, 0x0a, 0x0d, 0x20, 0x25, 0x2c, 0x3a, 0x7f, 0x80, 0xfe, 0xff]);
    return set;
  },
  (random, bytes) => splice(bytes, random.below(bytes.length), 0, random.bytes(random.between(1, 8))),
  (random, bytes) => splice(bytes, random.below(bytes.length), random.between(1, 8), Buffer.alloc(0)),
  (random, bytes) => {
    const from = random.below(bytes.length);
    return splice(bytes, from, 0, bytes.subarray(from, from + random.between(1, 64)));
  },
  (random, bytes) => Buffer.from(bytes.subarray(0, random.below(bytes.length))),
];

function splice(bytes: Buffer, at: number, removed: number, inserted: Buffer): Buffer<ArrayBuffer> {
  return Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at + removed)]);
}
