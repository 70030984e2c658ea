import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

/** Bytes of the message that is announced: what the service takes at most (MAX_MESSAGE_BYTES has that as its upper bound). */
export const HOG_MESSAGE_BYTES = 104_857_600;
const CHUNK = Buffer.alloc(65_536, 'x');

/**
 * A client that sends almost all of a message of 100 MiB and never ends it: the service must hold what has arrived. It sends
 * as fast as it is read, until the connection is gone.
 * @param address `host:port`
 */
export async function hogMemory(address: string): Promise<void> {
  const socket = holdMemory(address, HOG_MESSAGE_BYTES - 1);
  await new Promise<void>((resolve) => socket.on('close', resolve));
}

/**
 * A client that sends a part of such a message, and then waits: the service holds it until the socket is destroyed, or a
 * heartbeat finds that the client can answer no ping.
 * @param bytes how much of it is sent
 */
export function holdMemory(address: string, bytes: number): Socket {
  const { hostname, port } = new URL(`http://${address}`);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  socket.write(
    [
      'GET /ws/chat/ HTTP/1.1',
      `Host: ${address}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
      '\r\n',
    ].join('\r\n'),
  );
  socket.write(frameHeader(HOG_MESSAGE_BYTES));
  let left = bytes;
  const pump = (): void => {
    while (left > 0 && !socket.destroyed) {
      const chunk = CHUNK.subarray(0, Math.min(left, CHUNK.length));
      left -= chunk.length;
      if (!socket.write(chunk)) return;
    }
  };
  socket.on('drain', pump).resume();
  pump();
  return socket;
}

/** Header of a masked text frame with a length of 64 bits and a mask of zeros (RFC 6455, section 5.2). */
function frameHeader(length: number): Buffer {
  const header = Buffer.alloc(14);
  header[0] = 0x81;
  header[1] = 0xff;
  header.writeBigUInt64BE(BigInt(length), 2);
  return header;
}
