import { freePort } from '../../testkit/free-port.ts';
import { ServiceProcess } from '../../testkit/process.ts';
import { RedisServer } from '../../testkit/redis.ts';

/** Two instances of the service that share sessions in a Redis, as processes of their own. */
export class Instances {
  readonly ports: readonly [number, number];
  readonly #env: Readonly<Record<string, string>>;
  readonly #services: [ServiceProcess, ServiceProcess];

  private constructor(env: Readonly<Record<string, string>>, services: [ServiceProcess, ServiceProcess]) {
    this.#env = env;
    this.#services = services;
    this.ports = [services[0].port, services[1].port];
  }

  /** Starts them. @param after receives what ends them */
  static async start(after: (work: () => void | Promise<void>) => void): Promise<Instances> {
    const redis = await RedisServer.start({ after });
    const env = {
      REDIS_URL: redis.url,
      // Clients resume at once, through either instance (docs/sessions.md).
      SESSION_DURABILITY: 'strict',
      ALLOWED_ORIGINS: 'self',
      TRUSTED_PROXIES: '127.0.0.1',
      HEARTBEAT_INTERVAL_SECONDS: '1',
      DRAIN_SPREAD_SECONDS: '2',
      PRESTOP_MIN_SECONDS: '2',
      RETRY_AFTER_MIN_SECONDS: '0.2',
      RETRY_AFTER_MAX_SECONDS: '1',
    };
    const services = await Promise.all([startService(env, await freePort()), startService(env, await freePort())]);
    const all = new Instances(env, services);
    after(() => {
      for (const { child } of all.#services) child.kill('SIGKILL');
    });
    return all;
  }

  /** Addresses of clients in the lines of connections that were opened so far, on any instance. */
  clientAddresses(): string[] {
    return this.#services.flatMap(({ log }) =>
      log.flatMap(({ event, client_ip: address }) => (event === 'websocket_connected' ? [String(address)] : [])),
    );
  }

  /** Handshakes that one refused with 503 since its start, for want of room. */
  async refusals(index: 0 | 1): Promise<number> {
    const scrape = await this.#services[index].scrape();
    return scrape.value('websocket_handshakes_rejected_total{reason="capacity"}');
  }

  /**
   * Ends one by SIGTERM, waits until it is gone, and starts it again on its port.
   * @param env options besides those of all instances, for this start alone
   * @returns its exit status
   */
  async restart(index: 0 | 1, env: Readonly<Record<string, string>> = {}): Promise<number | null> {
    const service = this.#services[index];
    service.signal('SIGTERM');
    const { status } = await service.exited;
    this.#services[index] = await startService({ ...this.#env, ...env }, this.ports[index]);
    return status;
  }
}

async function startService(env: Readonly<Record<string, string>>, port: number): Promise<ServiceProcess> {
  const service = new ServiceProcess({ ...env, PORT: String(port) });
  const ready = await Promise.race([service.event('service_listening'), service.exited]);
  if (!('event' in ready)) throw new Error(`the service did not start: ${service.stderr}`);
  service.port = port;
  return service;
}
