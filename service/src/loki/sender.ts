import { LokiClient } from './client.ts';
import { LineReader, type LeveledEntry } from './lines.ts';
import { LokiQueue, type QueuedLines } from './queue.ts';
import type { LokiReport, LokiSenderOptions, LokiStream, PushResult } from './types.ts';

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
  readonly #client: LokiClient;
  readonly #queue: LokiQueue;
  readonly #reader: LineReader;
  readonly #selector: string;
  #shipped = 0;
  readonly #dropped = { buffer_full: 0, rejected: 0, too_long: 0 };
  #running = false;
  #current: Delivery | undefined;
  /** In doubt, while Loki takes pushes and can't be read. */
  #parked: Delivery | undefined;
  /** Consecutive exchanges that failed. */
  #failures = 0;
  #endPause: (() => void) | undefined;
  readonly #flushing: (() => void)[] = [];

  /** @param onReport called after each change */
  constructor(options: LokiSenderOptions, onReport: (report: LokiReport) => void) {
    this.#options = options;
    this.#onReport = onReport;
    this.#client = new LokiClient(options);
    this.#reader = new LineReader(options.metadata);
    this.#selector = ownLines(options);
    this.#queue = new LokiQueue(options.bufferBytes, (lines) => {
      this.#dropped.buffer_full += lines;
    });
  }

  /** Takes a copy of lines: at most `CHUNK_BYTES`. */
  add(bytes: Uint8Array, lines: number): void {
    this.#queue.add(bytes, lines);
    this.#report();
    if (!this.#running) void this.#run();
  }

  /** Goes on without long pauses, until every line taken so far is delivered or dropped. */
  flush(): Promise<void> {
    if (!this.#running) return Promise.resolve();
    return new Promise((resolve) => {
      this.#flushing.push(resolve);
      this.#endPause?.();
    });
  }

  /** Closes kept connections. */
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
      const queued = waitMs > 0 ? this.#queue.take() : undefined;
      if (queued !== undefined) return this.#begin(queued);
      if (parked === undefined) return undefined;
      if (waitMs > 0) await this.#sleep(waitMs);
      this.#parked = undefined;
      return parked;
    }
  }

  /** Reads the lines. Those that are too long for Loki are left out: it would refuse the whole push. */
  #begin({ lines, bytes, since }: QueuedLines): Delivery {
    const taken = lines.filter(isTaken);
    this.#dropped.too_long += lines.length - taken.length;
    const entries = taken.map((line) => this.#reader.read(line));
    return { entries, bytes, since, inDoubt: false, asked: 0, askAt: 0 };
  }

  /** Delivers, or parks what stays in doubt. */
  async #deliver(delivery: Delivery): Promise<void> {
    while (delivery.entries.length > 0) {
      if (delivery.inDoubt && !(await this.#clearUp(delivery))) {
        this.#parked = delivery;
        return;
      }
      if (delivery.entries.length > 0) await this.#push(delivery);
    }
    this.#report();
  }

  /** Makes one attempt. Entries that are dealt with are removed. */
  async #push(delivery: Delivery): Promise<void> {
    const { entries } = delivery;
    const result = await this.#client.push(this.#streamsOf(entries));
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
    await this.#pause(result.seconds * 1000);
  }

  /** One stream for each level. */
  #streamsOf(entries: readonly LeveledEntry[]): LokiStream[] {
    return [...Map.groupBy(entries, ({ level }) => level)].map(([level, ofLevel]) => ({
      labels: { ...this.#options.labels, level },
      entries: ofLevel.map(({ entry }) => entry),
    }));
  }

  /**
   * Finds out, once Loki takes pushes again, which entries it has, and removes them.
   * @returns false if they are still in doubt
   */
  async #clearUp(delivery: Delivery): Promise<boolean> {
    const { entries } = delivery;
    await this.#untilPushesAreTaken();
    const times = entries.map(({ entry: [nanoseconds] }) => nanoseconds);
    const stored = await this.#client.storedLines(this.#selector, times.reduce(earlier), times.reduce(later));
    if (stored === 'unavailable' && delivery.asked < MAX_ASKED && this.#parked === undefined) {
      delivery.asked += 1;
      delivery.askAt = performance.now() + ASK_AGAIN_MS;
      return false;
    }
    delivery.inDoubt = false;
    if (typeof stored === 'string') return true;
    delivery.entries = entries.filter(({ entry: [nanoseconds, line] }) => !stored.has(`${nanoseconds} ${line}`));
    this.#shipped += entries.length - delivery.entries.length;
    return true;
  }

  /** Tries with pushes without lines. */
  async #untilPushesAreTaken(): Promise<void> {
    for (let failed = false; ; failed = true) {
      const result = await this.#client.push(NO_LINES);
      if (result.outcome === 'accepted' || result.outcome === 'rejected') {
        // A Loki that was stopped and goes on first deals with what reached it meanwhile: the push in doubt may be among it.
        if (failed) await this.#sleep(SETTLE_MS);
        return;
      }
      this.#report(result);
      await this.#pause(result.seconds * 1000);
    }
  }

  /**
   * Waits before the next attempt: twice as long each time, counted from the start of the one that failed.
   * @param spentMs how long that one took
   */
  #pause(spentMs: number): Promise<void> {
    this.#failures += 1;
    this.#queue.away = true;
    const { retryMaxMs } = this.#options;
    const paceMs = Math.min(retryMaxMs, FIRST_PAUSE_MS * 2 ** (this.#failures - 1)) * (0.8 + Math.random() * 0.2);
    return this.#sleep(Math.max(0, paceMs - spentMs));
  }

  async #sleep(ms: number): Promise<void> {
    const maxMs = this.#flushing.length > 0 ? FLUSH_PAUSE_MS : Infinity;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(ms, maxMs));
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#endPause = undefined;
  }

  #report(push?: PushResult): void {
    const deliveries = [this.#current, this.#parked].filter((delivery) => delivery !== undefined);
    const waiting = deliveries.filter(({ entries }) => entries.length > 0);
    this.#onReport({
      shipped: this.#shipped,
      dropped: { ...this.#dropped },
      queueBytes: waiting.reduce((sum, { bytes }) => sum + bytes, this.#queue.bytes),
      since: Math.min(...waiting.map(({ since }) => since), this.#queue.since),
      ...(push !== undefined && { push }),
    });
  }
}

/** Lines that are being delivered. */
interface Delivery {
  /** Those that Loki is still to get. */
  entries: LeveledEntry[];
  /** Of all its lines. */
  readonly bytes: number;
  readonly since: number;
  /** Whether Loki may have some of them. */
  inDoubt: boolean;
  /** How often Loki was asked in vain, and when to ask again, on `performance.now`'s clock. */
  asked: number;
  askAt: number;
}

/** Whether Loki takes a line of that length. */
function isTaken(line: string): boolean {
  return line.length * MAX_CHARACTER_BYTES <= MAX_LINE_BYTES || Buffer.byteLength(line) <= MAX_LINE_BYTES;
}

const MAX_CHARACTER_BYTES = 3;
/** Loki's `max_line_size`, unless configured. */
const MAX_LINE_BYTES = 256 * 1024;
/** A request needs a stream. Loki takes one without entries, and stores nothing. */
const NO_LINES: readonly LokiStream[] = [{ labels: {}, entries: [] }];
/** Pause after the first failure. */
const FIRST_PAUSE_MS = 250;
const FLUSH_PAUSE_MS = 100;
const SETTLE_MS = 300;
/** Pause before Loki is asked again what it has, and how often, until what is in doubt is sent again unasked. */
const ASK_AGAIN_MS = 2000;
const MAX_ASKED = 20;

/** Selects the lines of this process. */
function ownLines({ labels, metadata }: LokiSenderOptions): string {
  const equals = ([name, value]: [string, string]): string => `${name}=${JSON.stringify(value)}`;
  const filters = Object.entries(metadata).map((pair) => ` | ${equals(pair)}`);
  // Without `keep`, the answer would have a stream of its own for each session.
  const keep = Object.keys({ ...labels, ...metadata }).join(', ');
  return `{${Object.entries(labels).map(equals).join(', ')}}${filters.join('')} | keep ${keep}`;
}

/** Nanoseconds since 1970 have 19 digits until the year 2286: texts compare as times do. */
function earlier(one: string, other: string): string {
  return one < other ? one : other;
}

function later(one: string, other: string): string {
  return one > other ? one : other;
}
