import { WebSocket } from 'ws';

/** What an {@link OwnedSocket} calls instead of emitting the event. */
export interface SocketOwner {
  /** `message` */
  received(data: Buffer, isBinary: boolean): void;
  /** `ping` */
  pinged(data: Buffer): void;
  /** `pong` */
  ponged(data: Buffer): void;
  /** `error`: the client sent what `ws` rejects; `ws` has sent the close code already. */
  errored(error: Error & { code?: string }): void;
  /** `close` */
  closed(receivedCode: number, receivedReason: Buffer): void;
}

/**
 * The socket of a connection. It calls its owner for each event, where other programs add listeners: a table of
 * listeners for five events is a tenth of the memory of a connection. `ws` documents the option `WebSocket` for classes
 * like this one.
 */
export class OwnedSocket extends WebSocket {
  owner: SocketOwner | undefined = undefined;

  override emit(event: string | symbol, first?: unknown, second?: unknown): boolean {
    const { owner } = this;
    if (owner === undefined) return super.emit(event, first, second);
    switch (event) {
      // The `nodebuffer` binary type, the default, makes every message a Buffer.
      case 'message':
        owner.received(first as Buffer, second as boolean);
        return true;
      case 'ping':
        owner.pinged(first as Buffer);
        return true;
      case 'pong':
        owner.ponged(first as Buffer);
        return true;
      case 'error':
        owner.errored(first as Error);
        return true;
      case 'close':
        owner.closed(first as number, second as Buffer);
        return true;
      default:
        return super.emit(event, first, second);
    }
  }
}
