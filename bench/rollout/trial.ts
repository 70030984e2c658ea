import { setTimeout as delay } from 'node:timers/promises';
import { mostInOneSecond } from '../../e2e/support/breaks.ts';
import { wireOf } from '../support/dialects.ts';
import { FleetSocket, type FleetListener } from '../support/fleet-socket.ts';
import { ServerProcess } from '../support/server-process.ts';
import type { RolloutOptions, RolloutResult } from './model.ts';

const WIRE = wireOf('plain');
/** Handshakes under way at once, when the clients first connect. */
const IN_FLIGHT = 100;
const PATIENCE_MS = 60_000;

/**
 * Makes a rollout as {@link simulateRollout} plays it through, of real processes of the service, with clients that keep to their
 * byes: this process stands for the Deployment's controller, and for the load balancer.
 */
export async function tryRollout(options: RolloutOptions): Promise<RolloutResult> {
  const trial = new Trial(options);
  try {
    return await trial.run();
  } finally {
    await trial.end();
  }
}

/** A process of the service, and how many clients it has. */
interface Pod {
  readonly server: ServerProcess;
  sockets: number;
}

class Trial implements FleetListener {
  readonly #options: RolloutOptions;
  readonly #all: Pod[] = [];
  #ready: Pod[] = [];
  readonly #podOf = new Map<FleetSocket, Pod>();
  readonly #reopened: { readonly at: number; readonly pod: Pod }[] = [];
  readonly #faults: string[] = [];
  #rolling = false;
  #ended = false;
  #open = 0;
  #closes = 0;
  #mostAway = 0;
  #mostSockets = 0;

  constructor(options: RolloutOptions) {
    this.#options = options;
  }

  async run(): Promise<RolloutResult> {
    const { pods, socketsPerPod, maxSurge, minReadySeconds, startSeconds, hookSeconds } = this.#options;
    for (let made = 0; made < pods; made += 1) this.#ready.push(await this.#start());
    const old = [...this.#ready];
    for (const pod of old) await this.#fill(pod, socketsPerPod);
    this.#rolling = true;
    const startedAt = performance.now();
    const draining: Promise<unknown>[] = [];
    while (old.length > 0) {
      const created = performance.now();
      const fresh = await Promise.all(Array.from({ length: Math.min(maxSurge, old.length) }, () => this.#start()));
      await delay(Math.max(0, startSeconds * 1000 - (performance.now() - created)));
      this.#ready.push(...fresh);
      await delay(minReadySeconds * 1000);
      for (const pod of old.splice(0, fresh.length)) {
        this.#ready = this.#ready.filter((each) => each !== pod);
        draining.push(drain(pod, hookSeconds));
      }
    }
    await Promise.all(draining);
    await this.#untilWhole(pods * socketsPerPod);
    const seconds = (performance.now() - startedAt) / 1000;
    if (this.#faults.length > 0) throw new Error(`the clients saw faults: ${this.#faults.join('; ')}`);
    return {
      seconds,
      peakReconnects: mostInOneSecond(this.#reopened.map(({ at }) => at)),
      peakAtOnePod: Math.max(...this.#all.map((pod) => this.#peakAt(pod))),
      closesPerClient: this.#closes / (pods * socketsPerPod),
      refusals: 0,
      mostAway: this.#mostAway,
      mostSockets: this.#mostSockets,
      socketsAfter: this.#ready.map(({ sockets }) => sockets),
    };
  }

  async end(): Promise<void> {
    this.#ended = true;
    for (const socket of this.#podOf.keys()) socket.cut();
    for (const { server } of this.#all) if (server.running) await server.kill();
  }

  opened(socket: FleetSocket): void {
    const pod = this.#podOf.get(socket);
    if (pod === undefined) return;
    pod.sockets += 1;
    this.#open += 1;
    if (!this.#rolling) return;
    this.#mostSockets = Math.max(this.#mostSockets, pod.sockets);
    this.#reopened.push({ at: performance.now(), pod });
  }

  /** They send nothing. */
  answered(): void {
    return;
  }

  fault(text: string): void {
    this.#faults.push(text);
  }

  closed(socket: FleetSocket): void {
    if (this.#ended) return;
    const pod = this.#podOf.get(socket);
    this.#podOf.delete(socket);
    if (pod !== undefined) pod.sockets -= 1;
    this.#open -= 1;
    this.#closes += 1;
    const { pods, socketsPerPod } = this.#options;
    this.#mostAway = Math.max(this.#mostAway, pods * socketsPerPod - this.#open);
    if (socket.bye === undefined) this.fault('a client was closed without a bye');
    else
      setTimeout(() => {
        this.#connect(this.#choose());
      }, socket.bye.retry_after_ms);
  }

  /** What a load balancer does. */
  #choose(): Pod {
    const { balance } = this.#options;
    if (balance === 'random') return this.#ready[Math.floor(Math.random() * this.#ready.length)] as Pod;
    return this.#ready.reduce((least, pod) => (pod.sockets < least.sockets ? pod : least));
  }

  #connect(pod: Pod): void {
    if (this.#ended) return;
    this.#podOf.set(new FleetSocket(pod.server.port, WIRE, this), pod);
  }

  async #start(): Promise<Pod> {
    const { drainSpreadSeconds, retryAfterMinSeconds, retryAfterMaxSeconds } = this.#options.config;
    const env = {
      DRAIN_SPREAD_SECONDS: String(drainSpreadSeconds),
      RETRY_AFTER_MIN_SECONDS: String(retryAfterMinSeconds),
      RETRY_AFTER_MAX_SECONDS: String(retryAfterMaxSeconds),
    };
    const pod: Pod = { server: await ServerProcess.start('service', { env, discardLog: true }), sockets: 0 };
    this.#all.push(pod);
    return pod;
  }

  async #fill(pod: Pod, sockets: number): Promise<void> {
    const before = this.#open;
    for (let made = 0; made < sockets; made += 1) {
      this.#connect(pod);
      while (made - (this.#open - before) > IN_FLIGHT) await delay(1);
    }
    await this.#untilWhole(before + sockets);
  }

  async #untilWhole(sockets: number): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (this.#open < sockets) {
      if (performance.now() > deadline) throw new Error(`${this.#open} of ${sockets} clients are connected`);
      await delay(10);
    }
  }

  #peakAt(pod: Pod): number {
    return mostInOneSecond(this.#reopened.filter((each) => each.pod === pod).map(({ at }) => at));
  }
}

async function drain({ server }: Pod, hookSeconds: number): Promise<void> {
  await delay(hookSeconds * 1000);
  server.child.kill('SIGTERM');
  const { status } = await server.exited;
  if (status !== 0) throw new Error(`a drained process ended with status ${status}: ${server.stderr}`);
}
