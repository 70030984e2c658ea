/**
 * The process of a fleet of clients: opens sockets, sends at a fixed rate, and checks each reply. It is told what to do by its
 * parent, through {@link FleetClient}.
 */
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { quantile } from './bench.ts';
import { wireOf, type DialectName } from './dialects.ts';
import { FleetSocket, type FleetListener } from './fleet-socket.ts';

/** What a fleet can be told. Each order is answered once it is done. */
export type FleetOrder =
  | {
      readonly do: 'open';
      readonly port: number;
      readonly sockets: number;
      readonly inFlight: number;
      readonly dialect: DialectName;
    }
  /**
   * Sends `rate` messages a second in all, over `senders` sockets in turn, for `seconds`, and waits for the replies. With
   * `exact`, messages leave up to two tenths of a millisecond late, else up to two.
   */
  | {
      readonly do: 'send';
      readonly rate: number;
      readonly senders: number;
      readonly seconds: number;
      readonly exact?: boolean;
    }
  /** Sends as fast as it goes: each of the senders its next message when the last is answered. Waits for the last replies. */
  | { readonly do: 'saturate'; readonly senders: number; readonly seconds: number }
  /** Goes on sending while any of the senders is served; is answered at once. */
  | { readonly do: 'keepSending'; readonly rate: number; readonly senders: number }
  /** Waits until every socket is closed by the server. */
  | { readonly do: 'awaitClosed'; readonly seconds: number }
  | { readonly do: 'cut' }
  /** Tells how things are, and nothing more. */
  | { readonly do: 'report' };

/** What a fleet has seen so far, or since it was last asked to send. */
export interface FleetReport {
  readonly open: number;
  readonly sent: number;
  readonly answered: number;
  /** Seconds that the order took. */
  readonly seconds: number;
  /** Milliseconds from when a message was due to its reply; of a connect, from its start to its 101. */
  readonly latencyMs: Readonly<Record<'p50' | 'p90' | 'p99' | 'p999' | 'max', number>>;
  /** Share of the order's time that this process' own event loop was active, from 0 to 1. */
  readonly busy: number;
  readonly closes: CloseReport;
  /** The first faults, in words. */
  readonly faults: readonly string[];
  readonly faultCount: number;
}

/** How the sockets were closed. */
export interface CloseReport {
  readonly closed: number;
  /** How many by each close code; 1006 is none at all. */
  readonly codes: Readonly<Record<string, number>>;
  /** How many had their bye. */
  readonly byes: number;
  /** How many had a bye whose total is not the last count they were told. */
  readonly wrongTotals: number;
  /** Milliseconds from the first close to the last. */
  readonly spanMs: number;
}

const MAX_FAULT_TEXTS = 10;
const PATIENCE_MS = 10_000;
const NAP_MS = 0.1;

class FleetProcess implements FleetListener {
  #sockets: FleetSocket[] = [];
  #closed: FleetSocket[] = [];
  #latencies: number[] = [];
  #faults: string[] = [];
  #faultCount = 0;
  #openCount = 0;
  #firstCloseAt = 0;
  #lastCloseAt = 0;
  #cutting = false;
  #saturating = false;
  #changed: () => void = () => undefined;

  async obey(order: FleetOrder): Promise<FleetReport> {
    const startedAt = performance.now();
    const loop = performance.eventLoopUtilization();
    this.#latencies = [];
    if (order.do === 'open') await this.#open(order.port, order.sockets, order.inFlight, order.dialect);
    if (order.do === 'send') await this.#send(order.rate, order.senders, order.seconds, order.exact);
    if (order.do === 'saturate') await this.#saturate(order.senders, order.seconds);
    if (order.do === 'keepSending') void this.#send(order.rate, order.senders, Infinity);
    if (order.do === 'awaitClosed') await this.#awaitClosed(order.seconds * 1000);
    if (order.do === 'cut') await this.#cut();
    return this.#report(performance.now() - startedAt, performance.eventLoopUtilization(loop).utilization);
  }

  opened(): void {
    this.#openCount += 1;
    this.#changed();
  }

  answered(socket: FleetSocket, latencyMs: number): void {
    this.#latencies.push(latencyMs);
    if (this.#saturating) socket.send(performance.now());
  }

  fault(text: string): void {
    this.#faultCount += 1;
    if (this.#faults.length < MAX_FAULT_TEXTS) this.#faults.push(text);
  }

  closed(socket: FleetSocket): void {
    if (socket.open) this.#openCount -= 1;
    else if (!this.#cutting) this.fault('a connection ended before its handshake was answered');
    this.#closed.push(socket);
    this.#lastCloseAt = performance.now();
    if (this.#firstCloseAt === 0) this.#firstCloseAt = this.#lastCloseAt;
    this.#changed();
  }

  async #open(port: number, sockets: number, inFlight: number, dialect: DialectName): Promise<void> {
    this.#reset();
    const wire = wireOf(dialect);
    while (this.#openCount + this.#closed.length < sockets) {
      const settled = this.#openCount + this.#closed.length;
      while (this.#sockets.length < Math.min(sockets, settled + inFlight))
        this.#sockets.push(new FleetSocket(port, wire, this));
      await this.#change(PATIENCE_MS);
    }
  }

  /** Open-loop: a message is due at its time whether or not the ones before were answered. */
  async #send(rate: number, senders: number, seconds: number, exact = false): Promise<void> {
    const sockets = this.#sockets.slice(0, senders);
    const total = rate * seconds;
    const startedAt = performance.now();
    let next = 0;
    while (next < total && sockets.some((socket) => socket.serving)) {
      const elapsed = performance.now() - startedAt;
      for (; next < total && next <= (elapsed / 1000) * rate; next += 1) {
        const socket = sockets[next % senders];
        if (socket?.serving === true) socket.send(startedAt + (next / rate) * 1000);
      }
      await (exact ? nap() : delay(1));
    }
    await this.#lastReplies();
  }

  async #saturate(senders: number, seconds: number): Promise<void> {
    this.#saturating = true;
    for (const socket of this.#sockets.slice(0, senders)) if (socket.serving) socket.send(performance.now());
    await delay(seconds * 1000);
    this.#saturating = false;
    await this.#lastReplies();
  }

  async #lastReplies(): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (this.#sum('count') < this.#sum('sent') && performance.now() < deadline) await delay(10);
  }

  async #awaitClosed(patienceMs: number): Promise<void> {
    const deadline = performance.now() + patienceMs;
    while (this.#closed.length < this.#sockets.length && performance.now() < deadline)
      await this.#change(deadline - performance.now());
  }

  async #cut(): Promise<void> {
    this.#cutting = true;
    for (const socket of this.#sockets) socket.cut();
    await this.#awaitClosed(PATIENCE_MS);
    this.#cutting = false;
  }

  #reset(): void {
    this.#sockets = [];
    this.#closed = [];
    this.#faults = [];
    this.#faultCount = 0;
    this.#openCount = 0;
    this.#firstCloseAt = 0;
  }

  /** Waits until a socket opens or closes. */
  #change(patienceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, patienceMs);
      this.#changed = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #sum(field: 'sent' | 'count'): number {
    let sum = 0;
    for (const socket of this.#sockets) sum += socket[field];
    return sum;
  }

  #report(tookMs: number, busy: number): FleetReport {
    const sorted = Float64Array.from(this.#latencies).sort();
    return {
      open: this.#openCount,
      sent: this.#sum('sent'),
      answered: this.#sum('count'),
      seconds: tookMs / 1000,
      latencyMs: {
        p50: quantile(sorted, 0.5),
        p90: quantile(sorted, 0.9),
        p99: quantile(sorted, 0.99),
        p999: quantile(sorted, 0.999),
        max: quantile(sorted, 1),
      },
      busy,
      closes: this.#closes(),
      faults: this.#faults,
      faultCount: this.#faultCount,
    };
  }

  #closes(): CloseReport {
    const codes: Record<string, number> = {};
    for (const { closeCode } of this.#closed) codes[String(closeCode)] = (codes[String(closeCode)] ?? 0) + 1;
    return {
      closed: this.#closed.length,
      codes,
      byes: this.#closed.filter(({ bye }) => bye !== undefined).length,
      wrongTotals: this.#closed.filter(({ bye, count }) => bye !== undefined && bye.total !== count).length,
      spanMs: this.#lastCloseAt - this.#firstCloseAt,
    };
  }
}

const fleet = new FleetProcess();
const NOBODY = new Int32Array(new SharedArrayBuffer(4));

/**
 * Sleeps for a tenth of a millisecond, then lets replies be read: a timer takes whole ones, and a loop that never sleeps takes a
 * core from those who have two.
 */
async function nap(): Promise<void> {
  Atomics.wait(NOBODY, 0, 0, NAP_MS);
  await turn();
}

process.on('message', (order: FleetOrder) => {
  void fleet.obey(order).then((report) => process.send?.(report));
});
process.on('disconnect', () => process.exit(0));
