import { EventEmitter } from 'node:events';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { LineBatch, LineDestination } from '../log/line-sink.ts';
import { monotonicMs } from '../runtime/monotonic.ts';
import {
  MAX_LINE_BYTES,
  LOKI_DROP_REASONS,
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
  /** Handed to the thread and not received yet. */
  #transitBytes = 0;
  /** Handed to the thread and neither shipped nor dropped yet. */
  #linesInThread = 0;
  /** What the thread holds. */
  #queueBytes = 0;
  #since = Infinity;
  #shipped = 0;
  readonly #dropped = { buffer_full: 0, rejected: 0, too_long: 0, broken: 0, shutdown: 0 };
  /** For each `flush` that the thread has not answered. */
  readonly #flushing: ((done: boolean) => void)[] = [];

  constructor(options: LokiSenderOptions) {
    super();
    this.#options = options;
  }

  /** Lines that Loki has, and lines lost, so far. */
  get counts(): LokiCounts {
    return { shipped: this.#shipped, dropped: this.#dropped };
  }

  /** Bytes of memory that lines take until Loki has them. */
  get waitingBytes(): number {
    return this.#gatheredBytes + this.#transitBytes + this.#queueBytes;
  }

  /** How long the oldest line in the thread has waited, in seconds; 0 if none waits. */
  get lagSeconds(): number {
    return Math.max(0, (monotonicMs() - this.#since) / 1000);
  }

  take({ bytes, lines }: LineBatch): void {
    const reason = this.#makeRoom(bytes.length);
    if (reason !== undefined) {
      this.#dropped[reason] += lines;
      return;
    }
    this.#gathered ??= Buffer.allocUnsafeSlow(Math.max(HAND_OVER_BYTES, bytes.length));
    bytes.copy(this.#gathered, this.#gatheredBytes);
    this.#gatheredBytes += bytes.length;
    this.#gatheredLines += lines;
    this.#timer ??= setTimeout(this.#onTimer, HAND_OVER_MS);
  }

  /** Delivers without long pauses. @returns whether Loki has the lines so far */
  async flush(timeoutMs: number): Promise<boolean> {
    this.#handOver();
    if (this.#worker === undefined || this.#linesInThread === 0) return this.#gatheredLines === 0;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#flushing.push(resolve);
    this.#worker.postMessage('flush' satisfies ToLokiWorker);
    const timer = setTimeout(resolve, timeoutMs, false);
    const done = await promise;
    clearTimeout(timer);
    return done;
  }

  /** Delivers like {@link flush}, or else gives up: closes. @returns lines that were not delivered */
  async deliver(timeoutMs: number): Promise<number> {
    return (await this.flush(timeoutMs)) ? 0 : this.close();
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

  /** Makes room for so many bytes. @returns why they can't be taken, if so */
  #makeRoom(length: number): LokiDropReason | undefined {
    if (this.#closed) return 'shutdown';
    // A batch is this long for a single line.
    if (length > MAX_LINE_BYTES + 1) return 'too_long';
    if (this.#transitBytes + length > MAX_TRANSIT_BYTES) return 'buffer_full';
    if (this.#fits(length)) return undefined;
    this.#handOver();
    // Lines stay where they are while the thread has failed.
    return this.#fits(length) ? undefined : 'buffer_full';
  }

  #fits(length: number): boolean {
    return this.#gathered === undefined || this.#gatheredBytes + length <= this.#gathered.length;
  }

  #handOver(): void {
    const bytes = this.#gathered?.subarray(0, this.#gatheredBytes);
    if (this.#failed || bytes === undefined) return;
    this.#worker ??= this.#startWorker();
    this.#worker.postMessage({ bytes, lines: this.#gatheredLines } satisfies ToLokiWorker, [bytes.buffer]);
    this.#transitBytes += this.#gatheredBytes;
    this.#linesInThread += this.#gatheredLines;
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
    if (message === 'flushed') this.#flushing.shift()?.(true);
    else this.#add(message);
  }

  #add({ receivedBytes, shipped, dropped, queueBytes, since, push }: LokiReport): void {
    this.#transitBytes -= receivedBytes;
    this.#queueBytes = queueBytes;
    this.#since = since;
    this.#shipped += shipped;
    this.#linesInThread -= shipped;
    for (const reason of REASONS) this.#drop(reason, dropped[reason] ?? 0);
    if (push !== undefined) this.emit('push', push);
  }

  #drop(reason: LokiDropReason, linesInThread: number): void {
    this.#dropped[reason] += linesInThread;
    this.#linesInThread -= linesInThread;
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

  /** Counts the lines in a thread that ends as dropped. */
  #retire(reason: LokiDropReason): void {
    this.#drop(reason, this.#linesInThread);
    this.#worker = undefined;
    this.#transitBytes = 0;
    this.#queueBytes = 0;
    this.#since = Infinity;
    for (const resolve of this.#flushing.splice(0)) resolve(false);
  }
}

/** Lines are handed to the thread when there are so many bytes, about 250 lines: then the work for a push does not hold a core for a millisecond. */
const HAND_OVER_BYTES = 80 * 1024;
/** Or after this long. */
const HAND_OVER_MS = 500;
/** Maximum bytes on their way to a thread that gets little CPU time, as while it loads at full load. */
const MAX_TRANSIT_BYTES = 4 * 1024 * 1024;
const RESTART_MS = 1000;
/** Its queue is outside of the heap, which holds the lines of one push. */
const WORKER_LIMITS = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8 };
const REASONS = Object.keys(LOKI_DROP_REASONS) as LokiDropReason[];
