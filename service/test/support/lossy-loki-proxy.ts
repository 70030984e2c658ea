import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { buffer } from 'node:stream/consumers';

/** A proxy before a real server that loses answers when it is told to. */
export class LossyLokiProxy {
  /** So many answers to POST requests with a body of some size are lost: the server has them, and the client never hears. */
  losing = 0;
  /** How many were lost. */
  lost = 0;
  readonly #target: string;
  readonly #server = createServer((request, response) => {
    void this.#handle(request, response);
  });

  private constructor(target: string) {
    this.#target = target;
  }

  /** Starts one, which ends with the test. @param target address of the server */
  static async start(t: Pick<TestContext, 'after'>, target: string): Promise<LossyLokiProxy> {
    const proxy = new LossyLokiProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    t.after(() => {
      proxy.#server.close();
      proxy.#server.closeAllConnections();
    });
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', headers } = request;
    const body = await buffer(request);
    const answer = await fetch(`${this.#target}${request.url ?? ''}`, {
      method,
      headers: { 'Content-Type': headers['content-type'] ?? '' },
      ...(method === 'POST' && { body: new Uint8Array(body) }),
    });
    if (this.losing > 0 && body.length > SOME_SIZE) {
      this.losing -= 1;
      this.lost += 1;
      request.socket.destroy();
      return;
    }
    response.writeHead(answer.status, { 'Content-Type': answer.headers.get('content-type') ?? '' });
    response.end(Buffer.from(await answer.arrayBuffer()));
  }
}

/** A push without lines is smaller. */
const SOME_SIZE = 1000;
