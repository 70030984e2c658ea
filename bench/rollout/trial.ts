import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { mostInOneSecond } from '../../e2e/support/breaks.ts';
import { Fleet, type FleetReport } from '../../loadtest/src/fleet.ts';
import { faultsOf } from '../support/clients.ts';
import { ServerProcess } from '../support/server-process.ts';
import type { RolloutOptions, RolloutResult } from './model.ts';

const OPEN_SECONDS = 60;

/** A process of the service, and the connections that it has. */
interface Pod {
  readonly server: ServerProcess;
  readonly sockets: Set<Socket>;
  /** When each connection was given to it, on `performance.now`'s clock. */
  readonly givenAt: number[];
}

/**
 * Makes a rollout as `simulateRollout` simulates it, of real processes of the service, with clients of the load test: this process is
 * the Deployment's controller and the load balancer.
 */
export async function tryRollout(options: RolloutOptions): Promise<RolloutResult> {
  const trial = new Trial(options);
  try {
    return await trial.run();
  } finally {
    await trial.end();
  }
}

class Trial {
  readonly #options: RolloutOptions;
  readonly #pods: Pod[] = [];
  #ready: Pod[] = [];
  #mostSockets = 0;
  #mostAway = 0;
  #fleet: Fleet | undefined;
  readonly #balancer = createServer((client) => {
    this.#forward(client);
  });

  constructor(options: RolloutOptions) {
    this.#options = options;
  }

  async run(): Promise<RolloutResult> {
    const { pods, socketsPerPod, maxSurge, minReadySeconds, startSeconds, hookSeconds } = this.#options;
    const clients = pods * socketsPerPod;
    this.#ready = await this.#start(pods);
    const old = [...this.#ready];
    const fleet = await this.#connect(clients);
    for (const pod of this.#pods) pod.givenAt.length = 0;
    const startedAt = performance.now();
    const draining: Promise<void>[] = [];
    while (old.length > 0) {
      const created = performance.now();
      const fresh = await this.#start(Math.min(maxSurge, old.length));
      await delay(Math.max(0, startSeconds * 1000 - (performance.now() - created)));
      this.#ready.push(...fresh);
      await delay(minReadySeconds * 1000);
      for (const pod of old.splice(0, fresh.length)) {
        this.#ready = this.#ready.filter((each) => each !== pod);
        draining.push(drain(pod, hookSeconds));
      }
    }
    await Promise.all(draining);
    const report = await fleet.allOpen(OPEN_SECONDS);
    return this.#result(report, clients, (performance.now() - startedAt) / 1000);
  }

  async end(): Promise<void> {
    await this.#fleet?.end();
    this.#balancer.close();
    for (const { server } of this.#pods) if (server.running) await server.kill();
  }

  #result(report: FleetReport, clients: number, seconds: number): RolloutResult {
    const faults = faultsOf(report);
    if (faults.length > 0) throw new Error(`the clients saw faults: ${faults.join('; ')}`);
    return {
      seconds,
      peakReconnects: mostInOneSecond(this.#pods.flatMap(({ givenAt }) => givenAt)),
      peakAtOnePod: Math.max(...this.#pods.map(({ givenAt }) => mostInOneSecond(givenAt))),
      closesPerClient: report.totals.counters.byes / clients,
      refusals: 0,
      mostAway: this.#mostAway,
      mostSockets: this.#mostSockets,
      socketsAfter: this.#ready.map(({ sockets }) => sockets.size),
    };
  }

  /** Connects the clients, the same number to each pod. */
  async #connect(clients: number): Promise<Fleet> {
    this.#balancer.listen(0, '127.0.0.1');
    await once(this.#balancer, 'listening');
    const { port } = this.#balancer.address() as AddressInfo;
    this.#fleet = await Fleet.start(`ws://127.0.0.1:${port}`, {
      clients,
      connectsAtOnce: 100,
      sendsPerSecond: 0,
      countsKept: false,
    });
    await this.#fleet.allOpen(OPEN_SECONDS);
    return this.#fleet;
  }

  #forward(client: Socket): void {
    const pod = this.#choose();
    const server = connect({ port: pod.server.port, host: '127.0.0.1', noDelay: true });
    pod.sockets.add(client);
    pod.givenAt.push(performance.now());
    this.#mostSockets = Math.max(this.#mostSockets, pod.sockets.size);
    client.setNoDelay(true).pipe(server).pipe(client);
    client
      .on('error', () => server.destroy())
      .on('close', () => {
        pod.sockets.delete(client);
        server.destroy();
        const { pods, socketsPerPod } = this.#options;
        const open = this.#pods.reduce((sum, { sockets }) => sum + sockets.size, 0);
        this.#mostAway = Math.max(this.#mostAway, pods * socketsPerPod - open);
      });
    server.on('error', () => client.destroy());
  }

  /** What a load balancer does; at first each pod gets the same number. */
  #choose(): Pod {
    const filling = this.#pods.length === this.#options.pods;
    if (this.#options.balance === 'random' && !filling)
      return this.#ready[Math.floor(Math.random() * this.#ready.length)] as Pod;
    return this.#ready.reduce((least, pod) => (pod.sockets.size < least.sockets.size ? pod : least));
  }

  async #start(count: number): Promise<Pod[]> {
    const { drainSpreadSeconds, retryAfterMinSeconds, retryAfterMaxSeconds } = this.#options.config;
    const env = {
      DRAIN_SPREAD_SECONDS: String(drainSpreadSeconds),
      RETRY_AFTER_MIN_SECONDS: String(retryAfterMinSeconds),
      RETRY_AFTER_MAX_SECONDS: String(retryAfterMaxSeconds),
    };
    const fresh = await Promise.all(
      Array.from({ length: count }, async (): Promise<Pod> => ({
        server: await ServerProcess.start('service', { env, discardLog: true }),
        sockets: new Set(),
        givenAt: [],
      })),
    );
    this.#pods.push(...fresh);
    return fresh;
  }
}

async function drain({ server }: Pod, hookSeconds: number): Promise<void> {
  await delay(hookSeconds * 1000);
  server.child.kill('SIGTERM');
  const { status } = await server.exited;
  if (status !== 0) throw new Error(`a drained process ended with status ${status}: ${server.stderr}`);
}
