import type { Duplex } from 'node:stream';
import { countReply } from '../../protocol/protocol.ts';

/**
 * Writes the reply to a counted message as one ready frame: FIN and the opcode of text, a length that is always under
 * 126, no mask (RFC 6455, section 5.2). `ws` makes two buffers and one gathered write of it, a tenth of what a message
 * costs. It writes to the stream at once and in order, as this does, as long as it compresses nothing.
 * @param stream the connection below a `ws` socket without extensions
 * @returns bytes of the payload
 */
export function writeReply(stream: Duplex, count: number): number {
  const reply = countReply(count);
  stream.write(`\x81${String.fromCharCode(reply.length)}${reply}`, 'latin1');
  return reply.length;
}
