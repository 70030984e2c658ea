import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { metricsText, type MetricValues } from './metrics.ts';

/** An HTTP server with the service's endpoints, for states that the real service can't be brought to from outside. */
export class ServiceServer {
  alive = true;
  /** Body of `/readyz/`. */
  readiness: Record<string, unknown> & { ready: boolean } = { status: 'ready', ready: true, shutting_down: false };
  metrics: MetricValues = {};
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      response.setHeader('connection', 'close');
      if (request.url === '/healthz/') response.writeHead(this.alive ? 200 : 503).end('{}');
      else if (request.url === '/readyz/')
        response.writeHead(this.readiness.ready ? 200 : 503).end(JSON.stringify(this.readiness));
      else if (request.url === '/metrics/') response.writeHead(200).end(metricsText(this.metrics));
      else response.writeHead(404).end();
    });
  }

  static async start(t: TestContext): Promise<ServiceServer> {
    const server = new ServiceServer();
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    t.after(() => {
      server.close();
    });
    return server;
  }

  /** Refuses connections from now on. */
  close(): void {
    this.#server.close();
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }
}
