import { seeded } from '../../testkit/seed.ts';
import { partAtRandom, type Random } from './chance.ts';
import { closingWindowMs, retryAfterMs, type PaceOptions } from './pace.ts';

/** A rollout of a Deployment whose pods each hold many sockets. */
export interface RolloutOptions {
  readonly pods: number;
  readonly socketsPerPod: number;
  /** Pods that may be there beyond `pods`. None may be missing (`maxUnavailable: 0`). */
  readonly maxSurge: number;
  readonly minReadySeconds: number;
  /** From a pod's creation to its readiness. */
  readonly startSeconds: number;
  /** What the preStop hook takes. */
  readonly hookSeconds: number;
  /** The options of the service that the drain goes by. */
  readonly config: PaceOptions;
  /** Sockets that a pod takes; a client beyond is refused, and comes again after a delay. */
  readonly maxConnections: number;
  /** How a client that comes back is given a pod: any that is ready, or the one with the fewest sockets. */
  readonly balance: 'random' | 'least';
  readonly seed: number;
}

/** What a rollout did. */
export interface RolloutResult {
  /** Until every old pod is drained and every client is connected. */
  readonly seconds: number;
  /** Most reconnects in one second, of the fleet. */
  readonly peakReconnects: number;
  /** Most handshakes in one second at one pod. */
  readonly peakAtOnePod: number;
  /** How often a client was closed, on average. */
  readonly closesPerClient: number;
  readonly refusals: number;
  /** Most clients without a connection at one time. */
  readonly mostAway: number;
  /** Most sockets that any pod held. */
  readonly mostSockets: number;
  /** Sockets of each new pod in the end. */
  readonly socketsAfter: readonly number[];
}

const TICKS_PER_SECOND = 10;
const TICK_MS = 1000 / TICKS_PER_SECOND;
/** Fewer closes than this in a tick get their delays one by one. */
const FEW_CLOSES = 2000;
/** Longest rollout that is looked at. */
const MAX_TICKS = 7 * 86_400 * TICKS_PER_SECOND;

/**
 * Plays a rollout through, in steps of a tenth of a second.
 *
 * What it leaves out: clients that leave or come meanwhile, endpoints that take a while to empty (the preStop hook is there for
 * that), and the time of a handshake. Clients keep to their delays.
 */
export function simulateRollout(options: RolloutOptions): RolloutResult {
  return new Rollout(options).run();
}

interface Pod {
  sockets: number;
  /** When the hook is over and closing begins; Infinity as long as no one has asked the pod to stop. */
  closingFrom: number;
  /** How many were to be closed in all, and were closed so far. */
  toClose: number;
  closed: number;
}

class Rollout {
  readonly #options: RolloutOptions;
  readonly #random: Random;
  readonly #delayWeights: readonly number[];
  readonly #old: Pod[];
  readonly #draining = new Set<Pod>();
  readonly #new: Pod[] = [];
  /** Pods that connections are given to. */
  #ready: Pod[];
  /** By tick: clients that come back, pods that become ready, pods that become available. */
  readonly #back = new Map<number, number>();
  readonly #readyAt = new Map<number, Pod[]>();
  readonly #availableAt = new Map<number, number>();
  /** Clients that came back in this second. */
  #arrivals = 0;
  #created = 0;
  #availableNew = 0;
  #away = 0;
  #closes = 0;
  #result = { peakReconnects: 0, peakAtOnePod: 0, refusals: 0, mostAway: 0, mostSockets: 0 };

  constructor(options: RolloutOptions) {
    this.#options = options;
    this.#random = seeded(options.seed);
    this.#delayWeights = delayWeights(options, seeded(options.seed + 1));
    this.#old = Array.from({ length: options.pods }, () => newPod(options.socketsPerPod));
    this.#ready = [...this.#old];
  }

  run(): RolloutResult {
    const { pods, socketsPerPod } = this.#options;
    for (let tick = 0; tick < MAX_TICKS; tick += 1) {
      this.#control(tick);
      this.#close(tick);
      this.#arrivals += take(this.#back, tick) ?? 0;
      if (tick % TICKS_PER_SECOND === TICKS_PER_SECOND - 1) this.#place(tick);
      if (this.#old.length === 0 && this.#draining.size === 0 && this.#away === 0)
        return {
          ...this.#result,
          seconds: (tick + 1) / TICKS_PER_SECOND,
          closesPerClient: this.#closes / (pods * socketsPerPod),
          socketsAfter: this.#new.map(({ sockets }) => sockets),
        };
    }
    throw new RangeError('the rollout does not end: pods hold too few connections');
  }

  /** What the Deployment's controller does: no more pods than the surge lets there be, no fewer available than there should. */
  #control(tick: number): void {
    const { pods, maxSurge, startSeconds, minReadySeconds, hookSeconds } = this.#options;
    for (const pod of take(this.#readyAt, tick) ?? []) this.#ready.push(pod);
    this.#availableNew += take(this.#availableAt, tick) ?? 0;
    let stopped = false;
    while (this.#old.length > 0 && this.#old.length + this.#availableNew > pods) {
      const pod = this.#old.pop() as Pod;
      pod.closingFrom = tick + ticks(hookSeconds);
      this.#draining.add(pod);
      stopped = true;
    }
    if (stopped) this.#ready = this.#ready.filter(({ closingFrom }) => closingFrom === Infinity);
    // A pod that is being stopped is not counted any more.
    while (this.#created < pods && this.#old.length + this.#created < pods + maxSurge) {
      const pod = newPod(0);
      this.#created += 1;
      this.#new.push(pod);
      const readyAt = tick + ticks(startSeconds);
      this.#readyAt.set(readyAt, [...(this.#readyAt.get(readyAt) ?? []), pod]);
      add(this.#availableAt, readyAt + ticks(minReadySeconds), 1);
    }
  }

  #close(tick: number): void {
    let closes = 0;
    for (const pod of this.#draining) {
      if (tick < pod.closingFrom) continue;
      if (pod.closed === 0) pod.toClose = pod.sockets;
      const windowMs = closingWindowMs(this.#options.config, pod.toClose);
      const elapsedMs = (tick + 1 - pod.closingFrom) * TICK_MS;
      const due = elapsedMs >= windowMs ? pod.toClose : Math.ceil((elapsedMs / windowMs) * pod.toClose);
      closes += due - pod.closed;
      pod.sockets = pod.toClose - due;
      pod.closed = due;
      if (pod.sockets === 0) this.#draining.delete(pod);
    }
    this.#closes += closes;
    this.#away += closes;
    // Those who came back in this second are placed at its end, and are not away till then.
    this.#result.mostAway = Math.max(this.#result.mostAway, this.#away - this.#arrivals);
    this.#comeBack(closes, tick);
  }

  /** Gives each of some clients its delay, uniformly between the bounds. */
  #comeBack(clients: number, tick: number): void {
    const { config } = this.#options;
    if (clients > FEW_CLOSES) {
      partAtRandom(clients, this.#delayWeights, this.#random).forEach((part, delay) => {
        if (part > 0) add(this.#back, tick + 1 + delay, part);
      });
      return;
    }
    for (let client = 0; client < clients; client += 1)
      add(this.#back, tick + 1 + delayTicks(retryAfterMs(config, this.#random)), 1);
  }

  /** Connects those who came back in this second. */
  #place(tick: number): void {
    const arrivals = this.#arrivals;
    if (arrivals === 0) return;
    this.#arrivals = 0;
    const { balance, maxConnections } = this.#options;
    const parts =
      balance === 'least'
        ? fillUp(arrivals, this.#ready)
        : partAtRandom(arrivals, Array<number>(this.#ready.length).fill(1), this.#random);
    let refused = 0;
    this.#ready.forEach((pod, index) => {
      const asked = parts[index] ?? 0;
      const taken = Math.min(asked, Math.max(0, maxConnections - pod.sockets));
      pod.sockets += taken;
      refused += asked - taken;
      this.#result.peakAtOnePod = Math.max(this.#result.peakAtOnePod, asked);
      this.#result.mostSockets = Math.max(this.#result.mostSockets, pod.sockets);
    });
    this.#away -= arrivals - refused;
    this.#result.peakReconnects = Math.max(this.#result.peakReconnects, arrivals);
    this.#result.refusals += refused;
    this.#comeBack(refused, tick);
  }
}

function newPod(sockets: number): Pod {
  return { sockets, closingFrom: Infinity, toClose: 0, closed: 0 };
}

/** How many of a great many delays end in each tick. */
function delayWeights({ config }: RolloutOptions, random: Random): number[] {
  const weights: number[] = [];
  for (let sample = 0; sample < 20_000; sample += 1) {
    const delay = delayTicks(retryAfterMs(config, random));
    while (weights.length <= delay) weights.push(0);
    weights[delay] = (weights[delay] ?? 0) + 1;
  }
  return weights;
}

/** Parts arrivals so that the pods with the fewest sockets are raised to one level. */
function fillUp(arrivals: number, pods: readonly Pod[]): number[] {
  let [low, high] = [0, arrivals + Math.max(...pods.map(({ sockets }) => sockets))];
  const needed = (level: number): number => pods.reduce((sum, { sockets }) => sum + Math.max(0, level - sockets), 0);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (needed(middle) <= arrivals) low = middle;
    else high = middle;
  }
  let rest = arrivals - needed(low);
  return pods.map(({ sockets }) => {
    const part = Math.max(0, low - sockets);
    if (rest === 0 || sockets > low) return part;
    rest -= 1;
    return part + 1;
  });
}

function delayTicks(ms: number): number {
  return Math.floor(ms / TICK_MS);
}

function ticks(seconds: number): number {
  return Math.round(seconds * TICKS_PER_SECOND);
}

function add(map: Map<number, number>, tick: number, amount: number): void {
  map.set(tick, (map.get(tick) ?? 0) + amount);
}

function take<T>(map: Map<number, T>, tick: number): T | undefined {
  const value = map.get(tick);
  map.delete(tick);
  return value;
}
