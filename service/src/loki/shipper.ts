import { EventEmitter } from 'node:events';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { splitBatch, type LineBatch, type LineDestination } from '../log/line-sink.ts';
import { CHUNK_BYTES } from './queue.ts';
import {
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
  /** Lines that the thread has not been handed yet, at the start of a buffer of `CHUNK_BYTES`. */
  #gathered: Buffer<ArrayBuffer> | undefined;
  #gatheredBytes = 0;
  #gatheredLines = 0;
  /** Buffers that nothing is in. */
  readonly #free: Buffer<ArrayBuffer>[] = [];
  #buffers = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Lines that this thread was handed. */
  #handedLines = 0;
  /** What this thread did with them. */
  #report = NOTHING_YET;
  /** What threads before this one did, and lines that no thread got. */
  #shipped = 0;
  readonly #dropped: Record<LokiDropReason, number> = {
    buffer_full: 0,
    rejected: 0,
    too_long: 0,
    broken: 0,
    shutdown: 0,
  };
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
    return this.#gatheredBytes + this.#report.queueBytes;
  }

  /** For how long the oldest line waits that the thread has, in seconds; 0 if none waits. */
  get lagSeconds(): number {
    return Math.max(0, (Date.now() - this.#report.since) / 1000);
  }

  take(batch: LineBatch): void {
    // A batch is larger than a buffer by its last line alone.
    const [{ bytes, lines }, beyond] = splitBatch(batch, CHUNK_BYTES);
    this.#dropped.too_long += beyond.lines;
    const buffer = this.#closed ? undefined : this.#roomFor(bytes.length);
    if (buffer === undefined) {
      this.#dropped[this.#closed ? 'shutdown' : 'buffer_full'] += lines;
      return;
    }
    bytes.copy(buffer, this.#gatheredBytes);
    this.#gatheredBytes += bytes.length;
    this.#gatheredLines += lines;
    this.#timer ??= setTimeout(this.#onTimer, HAND_OVER_MS);
  }

  /** Delivers without long pauses. */
  async flush(timeoutMs: number): Promise<void> {
    this.#handOver();
    if (this.#worker === undefined || this.#waitingLines() === 0) return;
    const flushed = new Promise<void>((resolve) => {
      this.#onFlushed = resolve;
    });
    this.#tell('flush');
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
    const lost = this.#retire('shutdown') + this.#gatheredLines;
    this.#dropped.shutdown += this.#gatheredLines;
    this.#gatheredLines = 0;
    this.#gatheredBytes = 0;
    await worker?.terminate();
    return lost;
  }

  readonly #onTimer = (): void => {
    // The last buffer stays here until it is full: a thread that gets no CPU time for seconds, as while it loads, costs no line.
    const last = this.#free.length === 0 && this.#buffers === MAX_BUFFERS;
    this.#timer = last ? setTimeout(this.#onTimer, HAND_OVER_MS) : undefined;
    if (!last) this.#handOver();
  };

  /** The buffer that lines are gathered in, with room for so much more; none if the thread does not give any back. */
  #roomFor(length: number): Buffer<ArrayBuffer> | undefined {
    if (this.#gatheredBytes + length > CHUNK_BYTES) this.#handOver();
    if (this.#gathered === undefined && this.#free.length === 0 && this.#buffers < MAX_BUFFERS) {
      this.#free.push(Buffer.allocUnsafeSlow(CHUNK_BYTES));
      this.#buffers += 1;
    }
    this.#gathered ??= this.#free.pop();
    return this.#gatheredBytes + length > CHUNK_BYTES ? undefined : this.#gathered;
  }

  #handOver(): void {
    const buffer = this.#gathered?.buffer;
    if (this.#failed || this.#gatheredLines === 0 || buffer === undefined) return;
    this.#worker ??= this.#startWorker();
    this.#tell({ buffer, length: this.#gatheredBytes, lines: this.#gatheredLines }, buffer);
    this.#handedLines += this.#gatheredLines;
    this.#gathered = undefined;
    this.#gatheredBytes = 0;
    this.#gatheredLines = 0;
  }

  #tell(message: ToLokiWorker, ...handedOver: ArrayBuffer[]): void {
    this.#worker?.postMessage(message, handedOver);
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

  #onFailure(error: Error): void {
    this.#retire('broken');
    this.#failed = true;
    this.emit('broken', error);
    setTimeout(() => {
      this.#failed = false;
      if (!this.#closed) this.#handOver();
    }, RESTART_MS).unref();
  }

  #onMessage(message: FromLokiWorker): void {
    if (message === 'flushed') {
      this.#onFlushed?.();
    } else if ('buffer' in message) {
      this.#free.push(Buffer.from(message.buffer));
    } else {
      this.#report = message.report;
      if (message.report.push !== undefined) this.emit('push', message.report.push);
    }
  }

  /** Takes over the sums of a thread that ends, and counts what it leaves. */
  #retire(reason: LokiDropReason): number {
    const { shipped, dropped } = this.#report;
    const left = this.#waitingLines() - this.#gatheredLines;
    this.#shipped += shipped;
    for (const each of THREAD_DROP_REASONS) this.#dropped[each] += dropped[each];
    this.#dropped[reason] += left;
    this.#worker = undefined;
    this.#report = NOTHING_YET;
    this.#handedLines = 0;
    // The buffers that it had are gone with it.
    this.#buffers = this.#free.length + (this.#gathered === undefined ? 0 : 1);
    this.#onFlushed?.();
    return left;
  }

  #waitingLines(): number {
    const { shipped, dropped } = this.#report;
    const done = THREAD_DROP_REASONS.reduce((sum, reason) => sum + dropped[reason], shipped);
    return this.#gatheredLines + this.#handedLines - done;
  }
}

/** Lines are handed to the thread when a buffer is full, or after this long. */
const HAND_OVER_MS = 500;
/** One to gather in, and three on the way to or from a thread that gets little CPU time. */
const MAX_BUFFERS = 4;
const RESTART_MS = 1000;
/** Its queue is outside of the heap; in it is what one push is made of. */
const WORKER_LIMITS = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8 };
const NOTHING_YET: LokiReport = {
  shipped: 0,
  dropped: { buffer_full: 0, rejected: 0, too_long: 0 },
  queueBytes: 0,
  since: Infinity,
};
