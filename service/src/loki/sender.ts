import { gzipSync } from 'node:zlib';
import { Breather } from './breather.ts';
import { LokiClient, type LokiTarget, type PushResult } from './client.ts';
import { LineReader, type LokiEntry } from './lines.ts';
import { PushEncoder, type LokiIdentity } from './push.ts';
import { LokiQueue, type LineChunk } from './queue.ts';

/** What a sender needs to know. Plain data: it travels to a thread. */
export interface LokiSenderOptions extends LokiTarget, LokiIdentity {
  /** Most bytes of lines that wait. */
  readonly bufferBytes: number;
  /** Longest pause between two attempts, in milliseconds. */
  readonly retryMaxMs: number;
  /** Compress what is sent. */
  readonly gzip: boolean;
}

/** What became of lines. */
export interface LokiReport {
  /** Lines that Loki has. */
  readonly shipped: number;
  readonly dropped: Readonly<Record<'buffer_full' | 'rejected' | 'too_long', number>>;
  /** Bytes in memory that wait, those on their way included. */
  readonly queueBytes: number;
  /** When the oldest line that waits was taken, in milliseconds since 1970; Infinity if none waits. */
  readonly since: number;
  /** The push that ended, if one did: there is a report for each. */
  readonly push?: PushResult;
}

/**
 * Delivers lines to Loki: one push at a time, so that they arrive in order, and each until Loki has taken or refused it.
 *
 * Where a push may have arrived without our knowing (no answer, a cut connection, 429 and 5xx), Loki is asked which of its lines
 * it has, and gets the others. Sending all again would store lines twice: Loki knows a line again only while the block that it went
 * into is open, that is for 256 KiB of lines of all pods. A Loki that may not be read gets all of them again; one that can't be
 * read for now gets what comes after them first, and puts them in their place by their time.
 */
export class LokiSender {
  readonly #options: LokiSenderOptions;
  readonly #onReport: (report: LokiReport) => void;
  readonly #breather = new Breather();
  readonly #client: LokiClient;
  readonly #encoder: PushEncoder;
  readonly #queue: LokiQueue;
  readonly #reader: LineReader;
  readonly #selector: string;
  #shipped = 0;
  readonly #dropped = { buffer_full: 0, rejected: 0, too_long: 0 };
  #running = false;
  #current: Delivery | undefined;
  /** In doubt, while Loki takes pushes and can't be read. */
  #parked: Delivery | undefined;
  /** Exchanges that failed one after another. */
  #failures = 0;
  #endPause: (() => void) | undefined;
  readonly #flushing: (() => void)[] = [];

  /** @param onReport told of each change */
  constructor(options: LokiSenderOptions, onReport: (report: LokiReport) => void) {
    this.#options = options;
    this.#onReport = onReport;
    const { breathe, nap } = this.#breather;
    this.#client = new LokiClient(options, nap);
    this.#reader = new LineReader(breathe);
    this.#encoder = new PushEncoder(options, breathe);
    this.#selector = ownLines(options);
    this.#queue = new LokiQueue(options.bufferBytes, (lines) => {
      this.#dropped.buffer_full += lines;
    });
  }

  /** Takes a copy of lines: at most `CHUNK_BYTES`. */
  add(bytes: Uint8Array, lines: number): void {
    this.#queue.add(bytes, lines);
    if (this.#piledUp) this.#breather.hurry();
    this.#report();
    if (!this.#running) void this.#run();
  }

  /** Goes on without long pauses, until every line taken so far is delivered or dropped. */
  flush(): Promise<void> {
    if (!this.#running) return Promise.resolve();
    return new Promise((resolve) => {
      this.#flushing.push(resolve);
      this.#breather.hurry();
      this.#endPause?.();
    });
  }

  /** Closes connections that are kept. */
  close(): void {
    this.#client.close();
  }

  async #run(): Promise<void> {
    this.#running = true;
    while ((this.#current = await this.#next()) !== undefined) await this.#deliver(this.#current);
    this.#running = false;
    for (const done of this.#flushing.splice(0)) done();
    this.#report();
  }

  /** What is in doubt, when its time has come; else the oldest lines. */
  async #next(): Promise<Delivery | undefined> {
    for (;;) {
      const parked = this.#parked;
      const waitMs = parked === undefined ? Infinity : parked.askAt - performance.now();
      const chunk = waitMs > 0 ? this.#queue.take() : undefined;
      if (this.#piledUp) this.#breather.hurry();
      else this.#breather.takeTime();
      if (chunk !== undefined) return this.#begin(chunk);
      if (parked === undefined) return undefined;
      if (waitMs > 0) await this.#sleep(waitMs);
      this.#parked = undefined;
      return parked;
    }
  }

  /** Whether a whole push waits behind another: lines come faster than they leave; or someone waits for them to leave. */
  get #piledUp(): boolean {
    return this.#queue.behind || this.#flushing.length > 0;
  }

  /** Reads the lines. Those that are too long for Loki are left out: it would refuse the whole push. */
  #begin(chunk: LineChunk): Delivery {
    const all = this.#reader.read(chunk.bytes);
    const entries = all.every(isTaken) ? all : all.filter(isTaken);
    this.#dropped.too_long += all.length - entries.length;
    return { chunk, all, entries, inDoubt: false, asked: 0, askAt: 0 };
  }

  /** Delivers, or parks what stays in doubt. */
  async #deliver(delivery: Delivery): Promise<void> {
    while (delivery.entries.length > 0) {
      if (delivery.inDoubt && !(await this.#clearUp(delivery))) {
        this.#parked = delivery;
        return;
      }
      await this.#push(delivery);
    }
    this.#reader.giveBack(delivery.all);
    this.#queue.giveBack(delivery.chunk);
    this.#report();
  }

  /** Makes one attempt. Entries that are dealt with are taken out. */
  async #push(delivery: Delivery): Promise<void> {
    const { chunk, entries } = delivery;
    if (entries.length === 0) return;
    const body = this.#encoder.encode(chunk.bytes, entries);
    const result = await (this.#options.gzip
      ? this.#client.push(gzipSync(body, { level: 1 }), 'gzip')
      : this.#client.push(body));
    const done = result.outcome === 'accepted' || result.outcome === 'rejected';
    if (result.outcome === 'accepted') this.#shipped += entries.length;
    if (result.outcome === 'rejected') this.#dropped.rejected += entries.length;
    if (done) delivery.entries = [];
    this.#report(result);
    if (done) {
      this.#failures = 0;
      this.#queue.away = false;
      return;
    }
    delivery.inDoubt ||= result.inDoubt;
    await this.#pause(result.seconds * 1000, result.retryAfterMs);
  }

  /**
   * Finds out, once Loki takes pushes again, which entries it has, and takes them out.
   * @returns false if they are still in doubt
   */
  async #clearUp(delivery: Delivery): Promise<boolean> {
    const { chunk, entries } = delivery;
    await this.#untilPushesAreTaken();
    const times = entries.map(nanoseconds);
    const stored = await this.#client.storedLines(this.#selector, times.reduce(earlier), times.reduce(later));
    if (stored === 'unavailable' && delivery.asked < MAX_ASKED && this.#parked === undefined) {
      delivery.asked += 1;
      delivery.askAt = performance.now() + ASK_AGAIN_MS;
      return false;
    }
    delivery.inDoubt = false;
    if (typeof stored === 'string') return true;
    delivery.entries = entries.filter((entry) => !stored.has(`${nanoseconds(entry)} ${text(chunk.bytes, entry)}`));
    this.#shipped += entries.length - delivery.entries.length;
    return true;
  }

  /** Tries with pushes without lines. */
  async #untilPushesAreTaken(): Promise<void> {
    const nothing = this.#encoder.encode(NO_BYTES, []);
    for (let failed = false; ; failed = true) {
      const result = await this.#client.push(nothing);
      // A Loki that works refuses a push without lines (422).
      if (result.outcome === 'accepted' || result.outcome === 'rejected') {
        // A Loki that was stopped and goes on first deals with what reached it meanwhile: the push in doubt may be among it.
        if (failed) await this.#sleep(SETTLE_MS);
        return;
      }
      this.#report(result);
      await this.#pause(result.seconds * 1000, result.retryAfterMs);
    }
  }

  /**
   * Waits before the next attempt: twice as long each time, counted from the start of the one that failed.
   * @param spentMs how long that one took
   * @param leastMs what Loki asked for
   */
  #pause(spentMs: number, leastMs: number): Promise<void> {
    this.#failures += 1;
    this.#queue.away = true;
    const { retryMaxMs } = this.#options;
    const pace = Math.min(retryMaxMs, FIRST_PAUSE_MS * 2 ** (this.#failures - 1)) * (0.8 + Math.random() * 0.2);
    return this.#sleep(Math.max(pace - spentMs, Math.min(leastMs, retryMaxMs)));
  }

  async #sleep(ms: number): Promise<void> {
    const bound = this.#flushing.length > 0 ? FLUSH_PAUSE_MS : Infinity;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(ms, bound));
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#endPause = undefined;
  }

  #report(push?: PushResult): void {
    const current = [this.#current, this.#parked].filter((delivery) => delivery !== undefined);
    const under = current.filter(({ entries }) => entries.length > 0);
    this.#onReport({
      shipped: this.#shipped,
      dropped: { ...this.#dropped },
      queueBytes: under.reduce((sum, { chunk }) => sum + chunk.bytes.length, this.#queue.bytes),
      since: Math.min(...under.map(({ chunk }) => chunk.since), this.#queue.since),
      ...(push !== undefined && { push }),
    });
  }
}

/** Lines on their way. */
interface Delivery {
  readonly chunk: LineChunk;
  readonly all: readonly LokiEntry[];
  /** Those of the lines that Loki is still to get. */
  entries: LokiEntry[];
  /** Whether Loki may have some of them. */
  inDoubt: boolean;
  /** How often Loki was asked in vain, and when to ask again, on `performance.now`'s clock. */
  asked: number;
  askAt: number;
}

/** Whether Loki takes a line of that length. */
function isTaken({ start, end }: LokiEntry): boolean {
  return end - start <= MAX_LINE_BYTES;
}

/** Loki's `max_line_size`, unless configured. */
const MAX_LINE_BYTES = 256 * 1024;
/** Pause after the first failure. */
const FIRST_PAUSE_MS = 250;
const FLUSH_PAUSE_MS = 100;
const SETTLE_MS = 300;
/** Pause before Loki is asked again what it has, and how often, until what is in doubt is sent again unasked. */
const ASK_AGAIN_MS = 2000;
const MAX_ASKED = 20;
const NO_BYTES = Buffer.alloc(0);

/** Selects the lines of this process. */
function ownLines({ labels, metadata }: LokiIdentity): string {
  const equals = ([name, value]: [string, string]): string => `${name}=${JSON.stringify(value)}`;
  const filters = Object.entries(metadata).map((pair) => ` | ${equals(pair)}`);
  // Without `keep`, the answer would have a stream of its own for each session.
  const keep = Object.keys({ ...labels, ...metadata }).join(', ');
  return `{${Object.entries(labels).map(equals).join(', ')}}${filters.join('')} | keep ${keep}`;
}

/** As Loki writes it: padded, so that texts compare as times do. */
function nanoseconds({ seconds, nanos }: LokiEntry): string {
  return `${seconds}${String(nanos).padStart(9, '0')}`;
}

function earlier(one: string, other: string): string {
  return one < other ? one : other;
}

function later(one: string, other: string): string {
  return one > other ? one : other;
}

function text(bytes: Buffer, { start, end }: LokiEntry): string {
  return bytes.toString('utf8', start, end);
}
