import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Cleanup } from '../../../testkit/redis.ts';

/** A TCP proxy that can stop: connections stay open, and nothing gets through. What it holds is lost if it ends so. */
export class StoppableProxy {
  readonly port: number;
  readonly #sockets = new Set<Socket>();
  #stopped = false;

  private constructor(port: number) {
    this.port = port;
  }

  /** Starts one before a port of this machine. It ends with the test. */
  static async start(t: Cleanup, target: number): Promise<StoppableProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new StoppableProxy((server.address() as AddressInfo).port);
    server.on('connection', (client) => {
      proxy.#join(client, connect(target, '127.0.0.1'));
    });
    t.after(() => {
      for (const socket of proxy.#sockets) socket.destroy();
      server.close();
    });
    return proxy;
  }

  stop(): void {
    this.#stopped = true;
    for (const socket of this.#sockets) socket.pause();
  }

  /** Stops the connections that there are, but not those that come. */
  swallow(): void {
    for (const socket of this.#sockets) socket.pause();
  }

  resume(): void {
    this.#stopped = false;
    for (const socket of this.#sockets) socket.resume();
  }

  #join(client: Socket, upstream: Socket): void {
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.#sockets.add(from);
      from
        .on('data', (data: Buffer) => to.write(data))
        .on('error', () => undefined)
        .on('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
      if (this.#stopped) from.pause();
    }
  }
}
