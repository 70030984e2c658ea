import { LokiClient } from './client.ts';
import { LineReader, type LeveledEntry } from './lines.ts';
import { LokiQueue, type QueuedLines } from './queue.ts';
import { MAX_LINE_BYTES, type LokiReport, type LokiSenderOptions, type LokiStream } from './types.ts';

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
      this.#report({ dropped: { buffer_full: lines } });
    });
  }

  /**
   * Takes lines.
   * @param bytes each with its line feed; the memory behind it becomes the sender's
   */
  add(bytes: Buffer, lines: number): void {
    this.#queue.add(bytes, lines);
    this.#report({ receivedBytes: bytes.length });
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
    const taken = lines.filter((line) => Buffer.byteLength(line) <= MAX_LINE_BYTES);
    if (taken.length < lines.length) this.#report({ dropped: { too_long: lines.length - taken.length } });
    const entries = taken.map((line) => this.#reader.read(line));
    return { entries, bytes, since, inDoubt: false, asked: 0, askAt: 0 };
  }

  /** Delivers, or parks what stays in doubt. */
  async #deliver(delivery: Delivery): Promise<void> {
    while (delivery.entries.length > 0) {
      if (!delivery.inDoubt) await this.#push(delivery);
      else if (!(await this.#clearUp(delivery))) {
        this.#parked = delivery;
        return;
      }
    }
  }

  /** Makes one attempt. Entries that are dealt with are removed. */
  async #push(delivery: Delivery): Promise<void> {
    const { length } = delivery.entries;
    const push = await this.#client.push(this.#streamsOf(delivery.entries));
    const { outcome, inDoubt } = push;
    if (outcome === 'accepted' || outcome === 'rejected') {
      delivery.entries = [];
      this.#failures = 0;
      this.#queue.away = false;
      this.#report(outcome === 'accepted' ? { push, shipped: length } : { push, dropped: { rejected: length } });
      return;
    }
    delivery.inDoubt = inDoubt;
    this.#report({ push });
    await this.#pause(push.seconds * 1000);
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
    // Nanoseconds since 1970 have 19 digits until the year 2286: they sort as texts.
    const times = entries.map(({ entry: [nanoseconds] }) => nanoseconds).sort();
    const stored = await this.#client.storedLines(this.#selector, times.at(0) ?? '', times.at(-1) ?? '');
    if (stored === 'unavailable' && delivery.asked < MAX_ASKED && this.#parked === undefined) {
      delivery.asked += 1;
      delivery.askAt = performance.now() + ASK_AGAIN_MS;
      return false;
    }
    delivery.inDoubt = false;
    if (typeof stored === 'string') return true;
    delivery.entries = entries.filter(({ entry: [nanoseconds, line] }) => !stored.has(`${nanoseconds} ${line}`));
    this.#report({ shipped: entries.length - delivery.entries.length });
    return true;
  }

  /** Tries with pushes without lines. */
  async #untilPushesAreTaken(): Promise<void> {
    for (let failed = false; ; failed = true) {
      const push = await this.#client.push(NO_LINES);
      if (push.outcome === 'accepted' || push.outcome === 'rejected') {
        // A Loki that was stopped and goes on first deals with what reached it meanwhile: the push in doubt may be among it.
        if (failed) await this.#sleep(SETTLE_MS);
        return;
      }
      this.#report({ push });
      await this.#pause(push.seconds * 1000);
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

  #report(news: Partial<LokiReport>): void {
    const deliveries = [this.#current, this.#parked].filter((delivery) => delivery !== undefined);
    const waiting = deliveries.filter(({ entries }) => entries.length > 0);
    this.#onReport({
      receivedBytes: 0,
      shipped: 0,
      dropped: {},
      queueBytes: waiting.reduce((sum, { bytes }) => sum + bytes, this.#queue.bytes),
      since: Math.min(...waiting.map(({ since }) => since), this.#queue.since),
      ...news,
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
