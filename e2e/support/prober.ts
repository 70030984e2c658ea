import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * A stand-in for the blackbox exporter: it answers `/probe` as that does, for one address, by the request that the chart's docs have
 * the exporter make. The address can be taken away, as a load balancer that is gone.
 */
export class Prober {
  /** Address of the WebSocket endpoint that it tries, by HTTP; nothing answers while it is undefined. */
  address: string | undefined;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((_, response) => {
      void this.#probe().then((success) =>
        response.setHeader('Content-Type', 'text/plain; version=0.0.4').end(`probe_success ${Number(success)}\n`),
      );
    });
  }

  static async start(): Promise<Prober> {
    const prober = new Prober();
    await new Promise<void>((resolve) => prober.#server.listen(0, '0.0.0.0', resolve));
    return prober;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #probe(): Promise<boolean> {
    if (this.address === undefined) return false;
    try {
      const headers = { Accept: 'application/json' };
      return (await fetch(this.address, { headers, signal: AbortSignal.timeout(2000) })).status === 200;
    } catch {
      return false;
    }
  }
}
