import { writev } from 'node:fs';
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

/** Most batches in one write (IOV_MAX of Linux, writev(2)). */
const MAX_VECTORS = 1024;

/**
 * Writes log lines to a file descriptor, from the thread pool: all that waits in one write, since the next one can only begin once
 * the event loop has come round, and that takes 15 ms where it has much to do.
 *
 * `process.stdout` writes to a pipe synchronously on Linux (Node.js documentation, "A note on process I/O"): whoever reads
 * the log slowly would stop the event loop. Here a slow reader fills a bounded buffer, and then lines are dropped and
 * counted; a reader that is gone (EPIPE) ends nothing.
 */
export class LineWriter implements LineDestination {
  readonly #fd: number;
  readonly #maxBytes: number;
  readonly #settled = new EventEmitter();
  /** In order, those of the write under way first. */
  #batches: LineBatch[] = [];
  #writing = false;
  /** Bytes of the first batch that are written. */
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
    if (!this.#writing) this.#write();
  }

  async flush(timeoutMs: number): Promise<void> {
    if (!this.#writing) return;
    const signal = AbortSignal.timeout(timeoutMs);
    const done = (): boolean => !this.#writing || signal.aborted;
    while (!done()) await once(this.#settled, 'write', { signal }).catch(() => undefined);
  }

  #write(): void {
    this.#writing = true;
    const vectors = this.#batches.slice(0, MAX_VECTORS).map(({ bytes }) => bytes);
    const [first] = vectors;
    if (first !== undefined && this.#written > 0) vectors[0] = first.subarray(this.#written);
    writev(this.#fd, vectors, null, (error, written) => {
      if (error?.code === 'EAGAIN')
        void delay(RETRY_MS).then(() => {
          this.#write();
        });
      else if (error !== null) this.#break();
      else this.#wrote(written);
    });
  }

  #wrote(bytes: number): void {
    this.#written += bytes;
    let done = 0;
    for (const batch of this.#batches) {
      if (this.#written < batch.bytes.length) break;
      this.#written -= batch.bytes.length;
      this.#waitingBytes -= batch.bytes.length;
      this.#shipped += batch.lines;
      done += 1;
    }
    this.#batches.splice(0, done);
    this.#writing = false;
    if (this.#batches.length > 0) this.#write();
    this.#settled.emit('write');
  }

  /** The reader is gone: what waits is lost, and so is what will come. */
  #break(): void {
    this.#broken = true;
    for (const batch of this.#batches) this.#droppedBroken += batch.lines;
    this.#batches = [];
    this.#writing = false;
    this.#waitingBytes = 0;
    this.#settled.emit('write');
  }
}
