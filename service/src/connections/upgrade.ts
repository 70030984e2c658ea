import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ServerOptions } from 'ws';
import { acceptKey } from './accept-key.ts';
import { OwnedSocket } from './owned-socket.ts';

/** Whether a handshake asks for nothing that has to be negotiated: no subprotocol, and no extension that is offered. */
export function isPlain({ headers }: IncomingMessage, { perMessageDeflate }: ServerOptions): boolean {
  return (
    headers['sec-websocket-protocol'] === undefined &&
    (perMessageDeflate === false || headers['sec-websocket-extensions'] === undefined)
  );
}

/**
 * Accepts a plain handshake that was checked, as `ws`' own `completeUpgrade` does, in two thirds of its time: a rollout brings
 * all clients back at once. The answer is made as one string.
 * @param key the client's Sec-WebSocket-Key
 * @param lines further header lines of the answer
 * @param options the `options` of a `ws` server, with its defaults
 * @returns the open socket; `undefined` if the client is gone already
 */
export function acceptPlain(
  stream: Duplex,
  head: Buffer,
  key: string,
  lines: readonly string[],
  options: ServerOptions,
): OwnedSocket | undefined {
  if (!stream.readable || !stream.writable) {
    stream.destroy();
    return undefined;
  }
  stream.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptKey(key)}\r\n${lines.join('\r\n')}\r\n\r\n`,
    'latin1',
  );
  const socket = new (OwnedSocket as unknown as AdoptingSocketClass)(null, undefined, options);
  socket.setSocket(stream, head, options);
  return socket;
}

/** What `ws`' server does to make an open socket of a stream; its types leave it out. */
type AdoptingSocketClass = new (
  address: null,
  protocols: undefined,
  options: ServerOptions,
) => OwnedSocket & { setSocket(stream: Duplex, head: Buffer, options: ServerOptions): void };
