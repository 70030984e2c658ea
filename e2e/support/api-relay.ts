import { once } from 'node:events';
import { connect, createServer, isIP, type AddressInfo, type Server, type Socket } from 'node:net';
import { readKubeconfig, type Kubeconfig } from './kubeconfig.ts';

/** A way to the API server that can be cut: a relay of TCP, so that TLS and every answer are the server's own. */
export class ApiRelay {
  readonly #config: Kubeconfig;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #port = 0;

  private constructor(config: Kubeconfig) {
    this.#config = config;
    const target = new URL(config.clusters[0]?.cluster.server ?? '');
    this.#server = createServer((from) => {
      const to = connect(Number(target.port || 443), target.hostname);
      this.#join(from, to);
      this.#join(to, from);
    });
  }

  /** Opens one to the API server of the suite's kubeconfig. */
  static async open(): Promise<ApiRelay> {
    const relay = new ApiRelay(await readKubeconfig());
    await relay.restore();
    return relay;
  }

  /** The suite's kubeconfig, by this way. The API server's certificate must hold 127.0.0.1 or the server's own name. */
  get kubeconfig(): Kubeconfig {
    const clusters = this.#config.clusters.map(({ name, cluster }) => {
      const { hostname } = new URL(cluster.server);
      const relayed = { ...cluster, server: `https://127.0.0.1:${this.#port}` };
      // TLS has no names that are addresses (RFC 6066, section 3).
      return { name, cluster: isIP(hostname) === 0 ? { ...relayed, 'tls-server-name': hostname } : relayed };
    });
    return { ...this.#config, clusters };
  }

  /** Cuts every connection, and refuses new ones. */
  cut(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Lets connections through again, on the port that it had. */
  async restore(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  #join(one: Socket, other: Socket): void {
    this.#sockets.add(one);
    one.on('error', () => other.destroy());
    one.on('close', () => {
      this.#sockets.delete(one);
      other.destroy();
    });
    one.pipe(other);
  }
}
