import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * A way in from outside, and a stand-in for the blackbox exporter that watches it: `/probe` answers as that does, by the request that
 * the chart's docs have the exporter make. The way in can be closed, as a load balancer that is gone.
 */
export class Prober {
  /** Address of the WebSocket endpoint that the way in leads to, by HTTP. */
  endpoint = '';
  readonly #exporter: Server;
  readonly #front: Server;
  #frontPort = 0;

  private constructor() {
    this.#front = createServer((_, response) => {
      void this.#forward(response);
    });
    this.#exporter = createServer((_, response) => {
      void isOpen(this.#frontPort).then((success) =>
        response.setHeader('Content-Type', 'text/plain; version=0.0.4').end(`probe_success ${Number(success)}\n`),
      );
    });
  }

  static async start(): Promise<Prober> {
    const prober = new Prober();
    await new Promise<void>((resolve) => prober.#exporter.listen(0, '0.0.0.0', resolve));
    await prober.open();
    return prober;
  }

  /** Port of the stand-in. */
  get port(): number {
    return portOf(this.#exporter);
  }

  /** Port of the way in. */
  get frontPort(): number {
    return this.#frontPort;
  }

  /** Opens the way in, at the port that it had. */
  async open(): Promise<void> {
    if (!this.#front.listening)
      await new Promise<void>((resolve) => this.#front.listen(this.#frontPort, '0.0.0.0', resolve));
    this.#frontPort = portOf(this.#front);
  }

  /** Closes the way in: connections to it are refused. */
  shut(): void {
    this.#front.close();
    this.#front.closeAllConnections();
  }

  close(): void {
    this.shut();
    this.#exporter.close();
    this.#exporter.closeAllConnections();
  }

  async #forward(response: ServerResponse): Promise<void> {
    const status = await statusOf(this.endpoint).catch(() => 502);
    response.writeHead(status).end();
  }
}

async function isOpen(port: number): Promise<boolean> {
  return (await statusOf(`http://127.0.0.1:${port}/`).catch(() => 0)) === 200;
}

async function statusOf(address: string): Promise<number> {
  const headers = { Accept: 'application/json' };
  return (await fetch(address, { headers, signal: AbortSignal.timeout(2000) })).status;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
