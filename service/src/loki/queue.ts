import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { monotonicMs } from '../runtime/monotonic.ts';

/** Lines to push together. */
export interface QueuedLines {
  /** Without line feeds, the oldest first. */
  readonly lines: readonly string[];
  readonly bytes: number;
  /** Arrival of the first, by `monotonicMs()`. */
  readonly since: number;
}

/** Lines that arrived together. */
interface Chunk {
  /** Each with its line feed; compressed, if the chunk is one of the packed. */
  bytes: Buffer;
  /** Uncompressed. */
  readonly size: number;
  readonly lines: number;
  readonly since: number;
}

/** Maximum bytes of lines in a push, about 1,500 lines. Loki's ingesters take 4 MiB (`grpc_server_max_recv_msg_size`), metadata included. */
export const MAX_PUSH_BYTES = 512 * 1024;

/** Newest chunks that wait uncompressed, about a push: to compress 80 KiB takes a fifth of a millisecond. */
const MAX_RAW = 6;

/**
 * Lines that wait for Loki, in order. Those that wait for longer than a push takes are compressed to about a seventh, so that a few
 * MiB last through an outage. When even that is full the oldest go: what Loki gets at its return is the latest, without holes.
 */
export class LokiQueue {
  readonly #maxBytes: number;
  readonly #onDropped: (lines: number) => void;
  /** The oldest first, the packed before the others. */
  readonly #chunks: Chunk[] = [];
  #packed = 0;
  #bytes = 0;
  #away = false;

  /**
   * @param maxBytes maximum bytes that wait
   * @param onDropped called with the number of lines that were dropped
   */
  constructor(maxBytes: number, onDropped: (lines: number) => void) {
    this.#maxBytes = maxBytes;
    this.#onDropped = onDropped;
  }

  /** Bytes in memory. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Arrival of the oldest line, by `monotonicMs()`; Infinity if there is none. */
  get since(): number {
    return this.#chunks[0]?.since ?? Infinity;
  }

  /** Whether what waits is to wait for long: then all but the newest chunk is compressed. */
  set away(away: boolean) {
    this.#away = away;
    this.#pack();
  }

  /**
   * Adds lines, and drops the oldest if there is no room.
   * @param bytes each with its line feed; the memory behind it becomes the queue's
   */
  add(bytes: Buffer, lines: number): void {
    this.#chunks.push({ bytes, size: bytes.length, lines, since: monotonicMs() });
    this.#bytes += bytes.length;
    this.#pack();
    while (this.#bytes > this.#maxBytes) {
      const { bytes: dropped, lines: count } = this.#shift();
      free(dropped);
      this.#onDropped(count);
    }
  }

  /** Takes the oldest lines: a chunk, or as many as fit into a push, so that a slow Loki gets larger ones. */
  take(): QueuedLines | undefined {
    const { since } = this;
    const lines: string[] = [];
    let bytes = 0;
    for (let next = this.#chunks[0]; next !== undefined; next = this.#chunks[0]) {
      if (bytes > 0 && bytes + next.size > MAX_PUSH_BYTES) break;
      bytes += next.size;
      lines.push(...this.#takeOldest());
    }
    return bytes === 0 ? undefined : { lines, bytes, since };
  }

  #takeOldest(): string[] {
    const isPacked = this.#packed > 0;
    const { bytes } = this.#shift();
    const raw = isPacked ? zstdDecompressSync(bytes, OWN_MEMORY) : bytes;
    if (isPacked) free(bytes);
    const text = raw.toString('utf8', 0, raw.length - 1);
    free(raw);
    return text.split('\n');
  }

  #shift(): Chunk {
    const oldest = this.#chunks.shift();
    if (oldest === undefined) throw new RangeError('the queue is empty');
    this.#packed = Math.max(0, this.#packed - 1);
    this.#bytes -= oldest.bytes.length;
    return oldest;
  }

  #pack(): void {
    for (const chunk of this.#chunks.slice(this.#packed, this.#away ? -1 : -MAX_RAW)) {
      const roomy = zstdCompressSync(chunk.bytes, { ...OWN_MEMORY, params: FAST });
      free(chunk.bytes);
      this.#bytes += roomy.length - chunk.size;
      // Cut to size: it holds the room for the worst case.
      chunk.bytes = Buffer.allocUnsafeSlow(roomy.length);
      roomy.copy(chunk.bytes);
      free(roomy);
      this.#packed += 1;
    }
  }
}

/** For output that is not a part of Node.js' pool of small buffers, which {@link free} would take from others. */
const OWN_MEMORY = { chunkSize: 128 * 1024 };
const FAST = { [constants.ZSTD_c_compressionLevel]: 1 };

/** Frees the memory behind a buffer at once: the garbage collector sees small objects, and takes its time. */
function free({ buffer }: Buffer): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
