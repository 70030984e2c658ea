import { EventEmitter } from 'node:events';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { LineBatch, LineDestination } from '../log/line-sink.ts';
import {
  MAX_LINE_BYTES,
  THREAD_DROP_REASONS,
  type FromLokiWorker,
  type LokiDropReason,
  type LokiReport,
  type LokiSenderOptions,
  type PushResult,
  type ToLokiWorker,
} from './types.ts';

/** What became of the lines so far. */
export interface LokiCounts {
  readonly shipped: number;
  readonly dropped: Readonly<Record<LokiDropReason, number>>;
}

interface ShipperEvents {
  /** A push ended, well or not. */
  push: [PushResult];
  /** The thread failed; a new one takes over. */
  broken: [Error];
}

/**
 * Ships log lines to Loki, from a thread of its own: winston-loki would take 20 to 30 µs of the event loop for each line; here a line
 * costs the loop a share of one copy and one message. The lines, which winston formats once, come here in batches as they go to
 * stdout. The thread starts with the first of them to be handed over, half a second after the service, since it takes 200 ms to load.
 *
 * The limit on what waits, the order, retries, and the counts are this room's own: see sender.ts.
 */
export class LokiShipper extends EventEmitter<ShipperEvents> implements LineDestination {
  readonly #options: LokiSenderOptions;
  #worker: Worker | undefined;
  #closed = false;
  /** The thread failed just now: a new one has to wait. */
  #failed = false;
  /** Lines for the next hand-over, at the start of a buffer. */
  #gathered: Buffer<ArrayBuffer> | undefined;
  #gatheredBytes = 0;
  #gatheredLines = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Totals of what the current thread was handed, and of what it reports. */
  #handedBytes = 0;
  #handedLines = 0;
  #report = NOTHING_YET;
  /** Totals of the threads before, and of lines that no thread got. */
  #shipped = 0;
  readonly #dropped = { buffer_full: 0, rejected: 0, too_long: 0, broken: 0, shutdown: 0 };
  #onFlushed: (() => void) | undefined;

  constructor(options: LokiSenderOptions) {
    super();
    this.#options = options;
  }

  /** Lines that Loki has, and lines lost, so far. */
  get counts(): LokiCounts {
    const { shipped, dropped } = this.#report;
    const sums = { ...this.#dropped };
    for (const reason of THREAD_DROP_REASONS) sums[reason] += dropped[reason];
    return { shipped: this.#shipped + shipped, dropped: sums };
  }

  /** Bytes of memory that lines take until Loki has them. */
  get waitingBytes(): number {
    return this.#gatheredBytes + this.#handedBytes - this.#report.receivedBytes + this.#report.queueBytes;
  }

  /** How long the oldest line in the thread has waited, in seconds; 0 if none waits. */
  get lagSeconds(): number {
    return Math.max(0, (Date.now() - this.#report.since) / 1000);
  }

  take({ bytes, lines }: LineBatch): void {
    const reason = this.#refusalOf(bytes.length);
    if (reason !== undefined) {
      this.#dropped[reason] += lines;
      return;
    }
    if (this.#gathered !== undefined && this.#gatheredBytes + bytes.length > this.#gathered.length) this.#handOver();
    this.#gathered ??= Buffer.allocUnsafeSlow(Math.max(HAND_OVER_BYTES, bytes.length));
    bytes.copy(this.#gathered, this.#gatheredBytes);
    this.#gatheredBytes += bytes.length;
    this.#gatheredLines += lines;
    this.#timer ??= setTimeout(this.#onTimer, HAND_OVER_MS);
  }

  /** Delivers without long pauses. */
  async flush(timeoutMs: number): Promise<void> {
    this.#handOver();
    if (this.#worker === undefined || this.#linesInThread === 0) return;
    const flushed = new Promise<void>((resolve) => {
      this.#onFlushed = resolve;
    });
    this.#worker.postMessage('flush' satisfies ToLokiWorker);
    const timer = setTimeout(() => this.#onFlushed?.(), timeoutMs);
    await flushed;
    clearTimeout(timer);
  }

  /**
   * Ends the thread.
   * @returns lines that were not delivered; they are counted as dropped
   */
  async close(): Promise<number> {
    this.#closed = true;
    clearTimeout(this.#timer);
    const worker = this.#worker;
    const lost = this.#linesInThread + this.#gatheredLines;
    this.#retire('shutdown');
    this.#dropped.shutdown += this.#gatheredLines;
    this.#emptyGathered();
    await worker?.terminate();
    return lost;
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.#handOver();
  };

  /** Why so many bytes are not taken, if they aren't. */
  #refusalOf(length: number): LokiDropReason | undefined {
    if (this.#closed) return 'shutdown';
    // A batch is this long for a single line.
    if (length > MAX_LINE_BYTES + 1) return 'too_long';
    const inTransit = this.#gatheredBytes + this.#handedBytes - this.#report.receivedBytes;
    return inTransit + length > MAX_TRANSIT_BYTES ? 'buffer_full' : undefined;
  }

  #handOver(): void {
    const bytes = this.#gathered?.subarray(0, this.#gatheredBytes);
    if (this.#failed || bytes === undefined) return;
    this.#worker ??= this.#startWorker();
    this.#worker.postMessage({ bytes, lines: this.#gatheredLines } satisfies ToLokiWorker, [bytes.buffer]);
    this.#handedBytes += this.#gatheredBytes;
    this.#handedLines += this.#gatheredLines;
    this.#emptyGathered();
  }

  #emptyGathered(): void {
    this.#gathered = undefined;
    this.#gatheredBytes = 0;
    this.#gatheredLines = 0;
  }

  #startWorker(): Worker {
    // Beside this file, and of its kind: TypeScript from the sources, JavaScript from dist/.
    const path = new URL(`./worker${extname(import.meta.filename)}`, import.meta.url);
    const worker = new Worker(path, { name: 'loki', workerData: this.#options, resourceLimits: WORKER_LIMITS });
    worker.on('message', (message: FromLokiWorker) => {
      if (this.#worker === worker) this.#onMessage(message);
    });
    worker.on('error', (error: Error) => {
      if (this.#worker === worker) this.#onFailure(error);
    });
    // A thread that waits for lines keeps no process alive.
    worker.unref();
    return worker;
  }

  #onMessage(message: FromLokiWorker): void {
    if (message === 'flushed') {
      this.#onFlushed?.();
      return;
    }
    this.#report = message;
    if (message.push !== undefined) this.emit('push', message.push);
  }

  #onFailure(error: Error): void {
    this.#retire('broken');
    this.#failed = true;
    this.emit('broken', error);
    setTimeout(() => {
      this.#failed = false;
      if (!this.#closed) this.#handOver();
    }, RESTART_MS).unref();
  }

  /** Adds up the totals of a thread that ends, and counts the lines in it as dropped. */
  #retire(reason: LokiDropReason): void {
    const { counts } = this;
    const left = this.#linesInThread;
    this.#shipped = counts.shipped;
    Object.assign(this.#dropped, counts.dropped);
    this.#dropped[reason] += left;
    this.#worker = undefined;
    this.#report = NOTHING_YET;
    this.#handedBytes = 0;
    this.#handedLines = 0;
    this.#onFlushed?.();
  }

  get #linesInThread(): number {
    const { shipped, dropped } = this.#report;
    return THREAD_DROP_REASONS.reduce((rest, reason) => rest - dropped[reason], this.#handedLines - shipped);
  }
}

/** Lines are handed to the thread when there are so many bytes, about 250 lines: then the work for a push does not hold a core for a millisecond. */
const HAND_OVER_BYTES = 80 * 1024;
/** Or after this long. */
const HAND_OVER_MS = 500;
/** Maximum bytes that a thread that gets little CPU time has not taken yet. */
const MAX_TRANSIT_BYTES = 2 * 1024 * 1024;
const RESTART_MS = 1000;
/** Its queue is outside of the heap, which holds the lines of one push. */
const WORKER_LIMITS = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8 };
const NOTHING_YET: LokiReport = {
  shipped: 0,
  dropped: { buffer_full: 0, rejected: 0, too_long: 0 },
  receivedBytes: 0,
  queueBytes: 0,
  since: Infinity,
};
