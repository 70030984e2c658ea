import { randomFillSync } from 'node:crypto';

/** Random bytes that are drawn at once, for 256 UUIDs: a draw is a call out of JavaScript. */
const POOL_BYTES = 4096;
const UUID_BYTES = 16;
const UUID_CHARS = 36;
const DASH = 0x2d;
/** Where the text of each byte begins (RFC 9562, section 4). */
const OFFSETS = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34] as const;
const DIGITS = Buffer.from('0123456789abcdef', 'latin1');

const pool = Buffer.allocUnsafeSlow(POOL_BYTES);
const text = Buffer.alloc(UUID_CHARS, DASH);
let used = POOL_BYTES;

/**
 * A random UUID, version 4 (RFC 9562, section 5.4), from the same random bytes as `crypto.randomUUID`.
 *
 * That one puts its string together from fourteen pieces, and V8 keeps the pieces, 450 bytes of them, until somebody looks at
 * all of it. This makes one string of 36 bytes, in a fraction of the time that putting together and flattening takes.
 */
export function newUuid(): string {
  if (used === POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  // Version 4 and the variant of RFC 9562, sections 4.1 and 4.2.
  pool[used + 6] = ((pool[used + 6] as number) & 0x0f) | 0x40;
  pool[used + 8] = ((pool[used + 8] as number) & 0x3f) | 0x80;
  for (let index = 0; index < UUID_BYTES; index += 1) {
    const byte = pool[used + index] as number;
    const at = OFFSETS[index] as number;
    text[at] = DIGITS[byte >> 4] as number;
    text[at + 1] = DIGITS[byte & 0x0f] as number;
  }
  used += UUID_BYTES;
  return text.toString('latin1');
}
