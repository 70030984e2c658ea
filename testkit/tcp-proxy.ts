import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Cleanup } from './redis.ts';

/** A TCP proxy before a port of this machine. Once one end of a connection is closed, the other end is closed, too. */
export abstract class TcpProxy {
  /** Its own port, once it listens. */
  port = 0;
  /** New connections end at once. */
  refusing = false;
  /** Both ends of each connection. */
  protected readonly sockets = new Set<Socket>();

  /** Listens before a port. Ends with the test. */
  async listen(t: Cleanup, target: number): Promise<this> {
    const server = createServer((client) => {
      if (this.refusing) client.destroy();
      else this.#accept(client, connect(target, '127.0.0.1'));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.port = (server.address() as AddressInfo).port;
    t.after(() => {
      for (const socket of this.sockets) socket.destroy();
      server.close();
    });
    return this;
  }

  /** Passes on what comes from either end of a new connection. */
  protected abstract join(client: Socket, upstream: Socket): void;

  #accept(client: Socket, upstream: Socket): void {
    for (const socket of [client, upstream]) {
      this.sockets.add(socket);
      socket
        .on('error', () => undefined)
        .on('close', () => {
          this.sockets.delete(socket);
          client.destroy();
          upstream.destroy();
        });
    }
    this.join(client, upstream);
  }
}
