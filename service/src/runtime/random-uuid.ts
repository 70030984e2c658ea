import { randomUUID } from 'node:crypto';

/**
 * A random UUID, version 4, as one flat string. `randomUUID` concatenates fourteen pieces, and V8 keeps all of them,
 * 450 bytes, until the whole text is read: too much for a string that a connection holds.
 */
export function randomUuid(): string {
  return Buffer.from(randomUUID(), 'latin1').toString('latin1');
}
