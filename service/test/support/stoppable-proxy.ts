import type { Socket } from 'node:net';
import type { Cleanup } from '../../../testkit/redis.ts';
import { TcpProxy } from '../../../testkit/tcp-proxy.ts';

/** A TCP proxy that can stop: connections stay open, and nothing gets through. What it holds is lost if it ends so. */
export class StoppableProxy extends TcpProxy {
  #stopped = false;

  /** Starts one before a port of this machine. It ends with the test. */
  static start(t: Cleanup, target: number): Promise<StoppableProxy> {
    return new StoppableProxy().listen(t, target);
  }

  stop(): void {
    this.#stopped = true;
    this.swallow();
  }

  /** Stops the connections that there are, but not those that come. */
  swallow(): void {
    for (const socket of this.sockets) socket.pause();
  }

  resume(): void {
    this.#stopped = false;
    for (const socket of this.sockets) socket.resume();
  }

  protected join(client: Socket, upstream: Socket): void {
    client.on('data', (data: Buffer) => upstream.write(data));
    upstream.on('data', (data: Buffer) => client.write(data));
    if (this.#stopped) for (const socket of [client, upstream]) socket.pause();
  }
}
