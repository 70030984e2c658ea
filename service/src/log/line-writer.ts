import { writev } from 'node:fs';
import { once, EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { LINE_BUFFER_BYTES } from './line-buffer.ts';
import { splitBatch, type LineBatch, type LineDestination } from './line-sink.ts';

/** Lines that a writer wrote and lost. */
export interface LineCounts {
  readonly shipped: number;
  readonly dropped: { readonly buffer_full: number; readonly broken: number };
}

/** Pause before a write is tried again that a non-blocking pipe refused. */
const RETRY_MS = 5;

/** Most blocks in one write (IOV_MAX of Linux, writev(2)). */
const MAX_VECTORS = 1024;

/** Size of a block of lines: what a batch has at most, unless a line is longer. */
const BLOCK_BYTES = LINE_BUFFER_BYTES;
/** Blocks that are kept to be used again: to have the kernel make new memory takes longer than to write it. */
const MAX_FREE_BLOCKS = 4;

/** Lines in memory of the writer's own. */
interface Block {
  readonly bytes: Buffer;
  length: number;
  lines: number;
}

/**
 * Writes log lines to a file descriptor, from the thread pool: all that waits in one write, since the next one can only begin once
 * the event loop has come round, and that takes 15 ms where it has much to do.
 *
 * `process.stdout` writes to a pipe synchronously on Linux (Node.js documentation, "A note on process I/O"): whoever reads
 * the log slowly would stop the event loop. Here a slow reader fills a bounded buffer, and then lines are dropped and
 * counted; a reader that is gone (EPIPE) ends nothing.
 *
 * sonic-boom 5.0.2, which does the same job, was tried in its place with 26,000 lines/s of 329 bytes and loop turns of 10 ms
 * (docs/decisions/log-path.md): it writes 16 KiB in each loop turn and dropped 70 % of them where this class dropped none; with
 * larger writes of strings it took 17 µs and more a line. With larger writes of buffers it dropped none either, at twice the time on
 * the loop and 25 MiB more memory; but where a pipe does not block it pauses 100 ms when that is full, which doubled what a
 * reader lost that nearly kept up.
 */
export class LineWriter implements LineDestination {
  readonly #fd: number;
  readonly #maxBytes: number;
  readonly #settled = new EventEmitter();
  /** In order, those of the write under way first. */
  #blocks: Block[] = [];
  /** How many of them the write under way has, a pause before it is tried again included; 0 if there is none. */
  #inWrite = 0;
  readonly #free: Block[] = [];
  /** Bytes of the first block that are written. */
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
    const block = this.#blockFor(kept.bytes.length);
    block.bytes.set(kept.bytes, block.length);
    block.length += kept.bytes.length;
    block.lines += kept.lines;
    if (!this.#writing) this.#write();
  }

  async flush(timeoutMs: number): Promise<void> {
    if (!this.#writing) return;
    const signal = AbortSignal.timeout(timeoutMs);
    const done = (): boolean => !this.#writing || signal.aborted;
    while (!done()) await once(this.#settled, 'write', { signal }).catch(() => undefined);
  }

  get #writing(): boolean {
    return this.#inWrite > 0;
  }

  /** The last block, if it is not being written and has room for so much more, or one behind it. */
  #blockFor(bytes: number): Block {
    const last = this.#blocks[this.#blocks.length - 1];
    if (last !== undefined && this.#blocks.length > this.#inWrite && last.length + bytes <= last.bytes.length)
      return last;
    const free = bytes > BLOCK_BYTES ? undefined : this.#free.pop();
    const block = free ?? { bytes: Buffer.allocUnsafeSlow(Math.max(bytes, BLOCK_BYTES)), length: 0, lines: 0 };
    this.#blocks.push(block);
    return block;
  }

  #write(): void {
    this.#inWrite = Math.min(this.#blocks.length, MAX_VECTORS);
    const vectors = this.#blocks
      .slice(0, this.#inWrite)
      .map(({ bytes, length }, index) => bytes.subarray(index === 0 ? this.#written : 0, length));
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
    for (const block of this.#blocks.slice(0, this.#inWrite)) {
      if (this.#written < block.length) break;
      this.#written -= block.length;
      this.#waitingBytes -= block.length;
      this.#shipped += block.lines;
      done += 1;
      this.#giveBack(block);
    }
    this.#blocks.splice(0, done);
    this.#inWrite = 0;
    if (this.#blocks.length > 0) this.#write();
    this.#settled.emit('write');
  }

  #giveBack(block: Block): void {
    if (block.bytes.length !== BLOCK_BYTES || this.#free.length === MAX_FREE_BLOCKS) return;
    block.length = 0;
    block.lines = 0;
    this.#free.push(block);
  }

  /** The reader is gone: what waits is lost, and so is what will come. */
  #break(): void {
    this.#broken = true;
    for (const block of this.#blocks) this.#droppedBroken += block.lines;
    this.#blocks = [];
    this.#inWrite = 0;
    this.#waitingBytes = 0;
    this.#settled.emit('write');
  }
}
