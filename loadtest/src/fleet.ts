import { BEHAVIOURS, type Behaviour, type BehaviourName } from './behaviours.ts';
import { Client, type ClientContext, type ClientState } from './client.ts';
import { encodeFrame, FramePool, OPCODES } from './frames.ts';
import { behaviourOf, type Plan } from './plan.ts';
import { SourceAddresses } from './source-addresses.ts';
import { Tally } from './tally.ts';
import { TimerWheel, Timer } from './timer-wheel.ts';

/** How many clients are in each state, and what is known of them. */
export interface FleetState {
  readonly open: number;
  /** Connecting, or waiting to, and not for the first time. */
  readonly away: number;
  /** Clients that have been connected at some time. */
  readonly everOpen: number;
  /** When the last of them was connected for the first time, in milliseconds since the start of the run. */
  readonly lastFirstOpenMs: number;
  /** Messages never answered that may have been counted. */
  readonly uncertain: number;
  /** Clients that had a connection, and none at the end. Known from the end on. */
  readonly leftAway: number;
}

/** Connections closed in one turn of the event loop at the end. */
const CLOSES_A_TURN = 200;
/** How often silent connections are looked for, in milliseconds. */
const CHECK_MS = 1000;
/** Longest payload of which many frames are kept ready. Bytes. */
const POOLED_BYTES = 4096;

/** All clients of one process. */
export class Fleet {
  readonly tally = new Tally();
  readonly #plan: Plan;
  readonly #wheel: TimerWheel;
  readonly #clients: Client[] = [];
  readonly #now: () => number;
  readonly #byState: Record<ClientState, number> = { new: 0, connecting: 0, open: 0, closing: 0, waiting: 0, ended: 0 };
  readonly #pools = new Map<Behaviour['deed'], FramePool>();
  #away = 0;
  #everOpen = 0;
  #finishing = false;
  #lastFirstOpenMs = 0;
  #leftAway = 0;

  /**
   * @param worker number of this process, from 0: its clients are every so-many-th of all
   * @param now milliseconds since the start of the run, negative before
   * @param allOpen told once every client has been connected
   */
  constructor(plan: Plan, worker: number, now: () => number, allOpen: () => void) {
    this.#plan = plan;
    this.#now = now;
    this.#wheel = new TimerWheel(now, (ms) => {
      // Closing thousands of sockets at the end takes its time, and spoils no figure.
      if (!this.#finishing) this.tally.loopDelay.record(ms);
    });
    const context: ClientContext = {
      plan,
      now,
      wheel: this.#wheel,
      tally: this.tally,
      addresses: new SourceAddresses(plan.localAddresses, plan.moreLocalAddresses),
      frames: (behaviour) => this.#framesOf(behaviour),
      changed: (client, from, to) => {
        this.#count(client, from, to);
        if (to === 'open' && !client.everOpen && this.#everOpen === this.#clients.length) allOpen();
      },
    };
    for (let index = worker; index < plan.sockets; index += plan.processes)
      this.#clients.push(new Client(index, behaviourOf(index, plan.groups), context));
    this.#byState.new = this.#clients.length;
  }

  get state(): FleetState {
    return {
      open: this.#byState.open + this.#byState.closing,
      away: this.#away,
      everOpen: this.#everOpen,
      lastFirstOpenMs: this.#lastFirstOpenMs,
      uncertain: this.#clients.reduce((sum, { uncertain }) => sum + uncertain, 0),
      leftAway: this.#leftAway,
    };
  }

  /** Sets all clients on their way. */
  start(): void {
    const { connectsPerSecond, drops, durationMs } = this.#plan;
    this.#wheel.start();
    for (const client of this.#clients) {
      const due = (client.index / connectsPerSecond) * 1000;
      if (due < durationMs) client.connectAt(due);
    }
    for (const { atMs, share } of drops)
      this.at(atMs, () => {
        this.#drop(share);
      });
    this.#checkReplies();
  }

  /** Does something at a time, in milliseconds since the start of the run. */
  at(due: number, work: () => void): void {
    this.#wheel.set(new Timer(work), due);
  }

  /** Ends the run in order: no more messages, wait for replies, close with 1000. */
  async finish(): Promise<void> {
    const { replyTimeoutMs } = this.#plan;
    this.#finishing = true;
    for (const client of this.#clients) {
      if (client.everOpen && client.state !== 'open') this.#leftAway += 1;
      client.finish();
    }
    await this.#until(
      () => this.#clients.every(({ state, pending }) => state !== 'open' || pending === 0),
      replyTimeoutMs,
    );
    for (let from = 0; from < this.#clients.length; from += CLOSES_A_TURN) {
      for (const client of this.#clients.slice(from, from + CLOSES_A_TURN)) client.close();
      await new Promise(setImmediate);
    }
    await this.#until(() => this.#byState.ended === this.#clients.length, Infinity);
    this.#wheel.stop();
  }

  #drop(share: number): void {
    for (const client of this.#clients) if ((client.index * 0.618033988749895) % 1 < share) client.drop();
  }

  #checkReplies(): void {
    this.at(this.#now() + CHECK_MS, () => {
      const now = this.#now();
      for (const client of this.#clients) client.checkReplies(now);
      this.#checkReplies();
    });
  }

  #count(client: Client, from: ClientState, to: ClientState): void {
    this.#byState[from] -= 1;
    this.#byState[to] += 1;
    if (client.everOpen) this.#away += Number(isAway(to)) - Number(isAway(from));
    if (to === 'open' && !client.everOpen) {
      this.#everOpen += 1;
      this.#lastFirstOpenMs = this.#now();
    }
  }

  #framesOf(name: BehaviourName): FramePool {
    const { deed }: Behaviour = BEHAVIOURS[name];
    const known = this.#pools.get(deed);
    if (known !== undefined) return known;
    const pool = this.#makeFrames(deed);
    this.#pools.set(deed, pool);
    return pool;
  }

  #makeFrames(deed: Behaviour['deed']): FramePool {
    const { opcode, payload, reservedBits } =
      typeof deed === 'object'
        ? { reservedBits: 0, ...deed, payload: deed.payload() }
        : { opcode: OPCODES.text, payload: Buffer.alloc(this.#plan.messageBytes, 'message '), reservedBits: 0 };
    return new FramePool(
      () => {
        const frame = encodeFrame(opcode, payload);
        frame[0] = (frame[0] ?? 0) | reservedBits;
        return frame;
      },
      payload.length > POOLED_BYTES ? 1 : undefined,
    );
  }

  /** Waits, looking twenty times a second, which costs less than being told by each of many clients. */
  async #until(reached: () => boolean, timeoutMs: number): Promise<void> {
    const end = this.#now() + timeoutMs;
    while (!reached() && this.#now() < end) await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function isAway(state: ClientState): boolean {
  return state === 'connecting' || state === 'waiting';
}
