import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { BEHAVIOURS, type Behaviour } from './behaviours.ts';
import { Client, type ClientContext, type ClientState } from './client.ts';
import { serviceDialect, type Dialect } from './dialect.ts';
import type { Load, Sums } from './messages.ts';
import { behaviourOf, GOLDEN, type Plan } from './plan.ts';
import { SILENCE } from './send-schedule.ts';
import { SourceAddresses } from './source-addresses.ts';
import { Tally } from './tally.ts';

/** Connections closed in one turn of the event loop at the end. */
const CLOSES_A_TURN = 200;
/** Time for the last replies where the plan bounds it not. Milliseconds. */
const PATIENCE_MS = 10_000;
/** How often silent connections are looked for, in milliseconds. */
const CHECK_MS = 1000;

/** The clients of one process. */
export class Clients {
  readonly tally = new Tally();
  readonly #plan: Plan;
  readonly #clients: Client[] = [];
  /** Those that have not begun to connect. */
  readonly #waiting: Client[] = [];
  readonly #openable: number;
  readonly #now: () => number;
  readonly #byState: Record<ClientState, number> = { new: 0, connecting: 0, open: 0, closing: 0, waiting: 0, ended: 0 };
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #allOpen: () => void;
  #away = 0;
  #everOpen = 0;
  #lastFirstOpenMs = 0;
  #leftAway = 0;

  /**
   * @param worker number of this process, from 0: its clients are every so-many-th of all
   * @param startedAt start of the run, in milliseconds since the epoch
   * @param allOpen called once every client that can be has been connected
   */
  constructor(plan: Plan, worker: number, startedAt: number, allOpen: () => void, dialect?: Dialect) {
    this.#plan = plan;
    this.#allOpen = allOpen;
    const zero = startedAt - performance.timeOrigin;
    this.#now = () => performance.now() - zero;
    const context: ClientContext = {
      plan,
      startedAt,
      now: this.#now,
      tally: this.tally,
      addresses: new SourceAddresses(plan.localAddresses, plan.moreLocalAddresses),
      dialect: dialect ?? serviceDialect(plan.messageBytes),
      changed: (client, from, to) => {
        this.#changed(client, from, to);
      },
    };
    for (let index = worker; index < plan.clients; index += plan.processes)
      this.#clients.push(new Client(index, behaviourOf(index, plan.groups), context));
    this.#openable = openableOf(plan, worker);
    this.#byState.new = this.#clients.length;
  }

  /** When the last client was connected for the first time, in milliseconds since the start of the run. */
  get lastFirstOpenMs(): number {
    return this.#lastFirstOpenMs;
  }

  get sums(): Omit<Sums, 'cpuSeconds'> {
    return {
      ...this.tally.sums,
      open: this.#byState.open + this.#byState.closing,
      away: this.#away,
      everOpen: this.#everOpen,
      uncertain: this.#clients.reduce((sum, { uncertain }) => sum + uncertain, 0),
      leftAway: this.#leftAway,
    };
  }

  /** Starts all clients. */
  start(): void {
    const { connectsPerSecond, connectsAtOnce, drops, durationMs } = this.#plan;
    if (connectsAtOnce < Infinity) {
      this.#waiting.push(...this.#clients.toReversed());
      for (let begun = 0; begun < connectsAtOnce; begun += 1) this.#waiting.pop()?.connectAt(Math.max(0, this.#now()));
    } else
      for (const client of this.#clients) {
        const due = (client.index / connectsPerSecond) * 1000;
        if (due < durationMs) client.connectAt(due);
      }
    for (const { atMs, share } of drops)
      this.#timers.push(
        setTimeout(() => {
          this.drop(share);
        }, atMs - this.#now()),
      );
    const check = (): void => {
      const now = this.#now();
      for (const client of this.#clients) client.checkReplies(now);
    };
    this.#timers.push(setInterval(check, CHECK_MS));
  }

  /** Cuts the connections of a share of the clients. */
  drop(share: number): void {
    for (const client of this.#clients) if ((client.index * GOLDEN) % 1 < share) client.drop();
  }

  /** Sends as it is told, and waits for the replies; a load without an end returns at once. */
  async send({ perSecond, seconds, senders }: Load): Promise<void> {
    const from = this.#now();
    // A little less, since sums of fractions may fall short of the end: no message is due at the end itself.
    const untilMs = from + seconds * 1000 - 0.001;
    const each = perSecond / senders;
    for (const client of this.#clients) {
      if (client.index >= senders) client.send(SILENCE, Infinity);
      else if (perSecond === Infinity) client.saturate(untilMs);
      else
        client.send(
          { perSecond: each, steps: [{ fromMs: 0, times: 1 }], untilMs },
          from + (client.index / perSecond) * 1000,
        );
    }
    if (seconds === Infinity) return;
    await delay(seconds * 1000);
    await this.#answered();
  }

  /** Ends the run in order: no more messages, wait for replies, close with 1000. */
  async finish(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const client of this.#clients) {
      if (client.everOpen && client.state !== 'open') this.#leftAway += 1;
      client.finish();
    }
    await this.#answered();
    for (let from = 0; from < this.#clients.length; from += CLOSES_A_TURN) {
      for (const client of this.#clients.slice(from, from + CLOSES_A_TURN)) client.close();
      await turn();
    }
    await this.#until(() => this.#byState.ended === this.#clients.length, Infinity);
  }

  #answered(): Promise<void> {
    return this.#until(
      () => this.#clients.every(({ state, pending }) => state !== 'open' || pending === 0),
      Number.isFinite(this.#plan.replyTimeoutMs) ? this.#plan.replyTimeoutMs : PATIENCE_MS,
    );
  }

  #changed(client: Client, from: ClientState, to: ClientState): void {
    this.#byState[from] -= 1;
    this.#byState[to] += 1;
    if (client.everOpen) this.#away += Number(isAway(to)) - Number(isAway(from));
    if (from === 'connecting') this.#waiting.pop()?.connectAt(this.#now());
    if (to !== 'open' || client.everOpen) return;
    this.#everOpen += 1;
    this.#lastFirstOpenMs = this.#now();
    if (this.#everOpen === this.#openable) this.#allOpen();
  }

  /** Waits, looking twenty times a second, which costs less than a notice from each of many clients. */
  async #until(reached: () => boolean, timeoutMs: number): Promise<void> {
    const end = this.#now() + timeoutMs;
    while (!reached() && this.#now() < end) await delay(50);
  }
}

/** How many clients of all, or of one process, can have a connection: some bad ones never do. */
export function openableOf({ clients, groups, processes }: Plan, worker?: number): number {
  let openable = 0;
  for (let index = worker ?? 0; index < clients; index += worker === undefined ? 1 : processes) {
    const { halfHandshake, sessionId }: Behaviour = BEHAVIOURS[behaviourOf(index, groups)];
    if (halfHandshake === undefined && sessionId === undefined) openable += 1;
  }
  return openable;
}

function isAway(state: ClientState): boolean {
  return state === 'connecting' || state === 'waiting';
}
