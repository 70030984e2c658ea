import { write } from 'node:fs';
import { once, EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { splitBatch, type LineBatch, type LineDestination } from './line-sink.ts';

/** Lines that a writer wrote and lost. */
export interface LineCounts {
  readonly shipped: number;
  readonly dropped: { readonly buffer_full: number; readonly broken: number };
}

/** Pause before a write is tried again that a non-blocking pipe refused. */
const RETRY_MS = 5;

/**
 * Writes log lines to a file descriptor, a batch at a time, from the thread pool.
 *
 * `process.stdout` writes to a pipe synchronously on Linux (Node.js documentation, "A note on process I/O"): whoever reads
 * the log slowly would stop the event loop. Here a slow reader fills a bounded buffer, and then lines are dropped and
 * counted; a reader that is gone (EPIPE) ends nothing.
 */
export class LineWriter implements LineDestination {
  readonly #fd: number;
  readonly #maxBytes: number;
  readonly #settled = new EventEmitter();
  #batches: LineBatch[] = [];
  #writing: LineBatch | undefined;
  /** Bytes of the batch under way that are written. */
  #written = 0;
  #waitingBytes = 0;
  #broken = false;
  #shipped = 0;
  #droppedFull = 0;
  #droppedBroken = 0;

  /**
   * @param fd file descriptor, 1 for stdout
   * @param maxBytes most bytes that wait to be written; a line beyond is dropped
   */
  constructor(fd: number, maxBytes: number) {
    this.#fd = fd;
    this.#maxBytes = maxBytes;
  }

  /** Lines written and lost so far. */
  get counts(): LineCounts {
    return { shipped: this.#shipped, dropped: { buffer_full: this.#droppedFull, broken: this.#droppedBroken } };
  }

  /** Bytes that wait to be written. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  take(batch: LineBatch): void {
    if (this.#broken) {
      this.#droppedBroken += batch.lines;
      return;
    }
    const [kept, beyond] = splitBatch(batch, this.#maxBytes - this.#waitingBytes);
    this.#droppedFull += beyond.lines;
    if (kept.lines === 0) return;
    this.#waitingBytes += kept.bytes.length;
    this.#batches.push(kept);
    if (this.#writing === undefined) this.#next();
  }

  async flush(timeoutMs: number): Promise<void> {
    if (this.#writing === undefined) return;
    const signal = AbortSignal.timeout(timeoutMs);
    const done = (): boolean => this.#writing === undefined || signal.aborted;
    while (!done()) await once(this.#settled, 'batch', { signal }).catch(() => undefined);
  }

  #next(): void {
    this.#writing = this.#batches.shift();
    this.#written = 0;
    this.#writeOn();
  }

  #writeOn(): void {
    const batch = this.#writing;
    if (batch === undefined) return;
    write(this.#fd, batch.bytes, this.#written, batch.bytes.length - this.#written, null, (error, written) => {
      if (error?.code === 'EAGAIN')
        void delay(RETRY_MS).then(() => {
          this.#writeOn();
        });
      else if (error !== null) this.#break();
      else this.#wrote(batch, written);
    });
  }

  #wrote(batch: LineBatch, bytes: number): void {
    this.#written += bytes;
    if (this.#written < batch.bytes.length) {
      this.#writeOn();
      return;
    }
    this.#shipped += batch.lines;
    this.#waitingBytes -= batch.bytes.length;
    this.#next();
    this.#settled.emit('batch');
  }

  /** The reader is gone: what waits is lost, and so is what will come. */
  #break(): void {
    this.#broken = true;
    this.#droppedBroken += this.#writing?.lines ?? 0;
    for (const batch of this.#batches) this.#droppedBroken += batch.lines;
    this.#writing = undefined;
    this.#batches = [];
    this.#waitingBytes = 0;
    this.#settled.emit('batch');
  }
}
