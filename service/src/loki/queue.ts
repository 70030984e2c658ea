import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

/** Lines taken from the queue, the oldest first. */
export interface QueuedLines {
  /** Without line feeds. */
  readonly lines: readonly string[];
  readonly bytes: number;
  /** Arrival of the first of their chunk, in milliseconds since 1970. */
  readonly since: number;
}

/** Whole lines, each with its line feed. */
interface Chunk {
  readonly bytes: Buffer;
  readonly lines: number;
  readonly since: number;
}

/** Maximum bytes of lines in a push, about 1,500 lines. Loki's ingesters take 4 MiB (`grpc_server_max_recv_msg_size`), metadata included. */
export const CHUNK_BYTES = 512 * 1024;

/** Bytes of lines in a push while no other chunk waits, about 250 lines: the work for one holds a core for less than a millisecond. */
const CALM_BYTES = 80 * 1024;

/**
 * Lines that wait for Loki, in order. Chunks that wait for longer than a few pushes take are compressed to about a seventh, so that
 * a few MiB last through an outage. When even that is full the oldest go: what Loki gets at its return is the latest, without holes.
 *
 * Memory is reused, or freed explicitly: the garbage collector sees small objects and takes its time while the buffers behind them
 * pile up.
 */
export class LokiQueue {
  readonly #maxBytes: number;
  readonly #onDropped: (lines: number) => void;
  /** The newest lines, at the start of a buffer of {@link CHUNK_BYTES}. */
  #open = newChunk();
  #openBytes = 0;
  #openLines = 0;
  #openSince = Infinity;
  /** A buffer to follow the open one. */
  #spare: Buffer | undefined;
  #away = false;
  /** Full chunks, older than the open one. */
  readonly #full: Chunk[] = [];
  #fullBytes = 0;
  /** Older ones, compressed. */
  readonly #packed: Chunk[] = [];
  #packedBytes = 0;
  /** The oldest, of which a part was taken. */
  #head: Chunk | undefined;
  #takenBytes = 0;
  #takenLines = 0;

  /**
   * @param maxBytes maximum bytes that wait; twice {@link CHUNK_BYTES} at least
   * @param onDropped called with the number of lines that were dropped
   */
  constructor(maxBytes: number, onDropped: (lines: number) => void) {
    this.#maxBytes = maxBytes;
    this.#onDropped = onDropped;
  }

  /** Bytes in memory. */
  get bytes(): number {
    return this.#headBytes + this.#packedBytes + this.#fullBytes + this.#openBytes;
  }

  /** Arrival of the oldest line, in milliseconds since 1970; Infinity if there is none. */
  get since(): number {
    return (this.#head ?? this.#packed[0] ?? this.#full[0])?.since ?? this.#openSince;
  }

  /** Whether what waits is to wait for long: then all chunks but the newest are compressed. */
  set away(away: boolean) {
    this.#away = away;
    if (away) this.#packBeyond(0);
  }

  /**
   * Adds a copy of lines, and drops the oldest if there is no room.
   * @param bytes at most {@link CHUNK_BYTES}
   */
  add(bytes: Uint8Array, lines: number): void {
    if (this.#openBytes + bytes.length > CHUNK_BYTES) this.#fill();
    if (this.#openBytes === 0) this.#openSince = Date.now();
    this.#open.set(bytes, this.#openBytes);
    this.#openBytes += bytes.length;
    this.#openLines += lines;
    while (this.bytes > this.#maxBytes) this.#dropOldest();
  }

  /** Takes the oldest lines: few while no more than their chunk waits, else all of it, so that a slow Loki gets larger pushes. */
  take(): QueuedLines | undefined {
    const head = (this.#head ??= this.#takeChunk());
    if (head === undefined) return undefined;
    const { since } = head;
    const calm = this.#packed.length + this.#full.length === 0;
    const start = this.#takenBytes;
    const end = calm ? endOfLine(head.bytes, start + CALM_BYTES) : head.bytes.length;
    const lines = head.bytes.toString('utf8', start, end - 1).split('\n');
    this.#takenBytes = end;
    this.#takenLines += lines.length;
    if (end === head.bytes.length) this.#endHead(head);
    return { lines, bytes: end - start, since };
  }

  get #headBytes(): number {
    return this.#head === undefined ? 0 : this.#head.bytes.length - this.#takenBytes;
  }

  #endHead(head: Chunk): void {
    this.#reuse(head);
    this.#head = undefined;
    this.#takenBytes = 0;
    this.#takenLines = 0;
  }

  #takeChunk(): Chunk | undefined {
    const packed = this.#packed.shift();
    if (packed !== undefined) return this.#unpack(packed);
    return this.#takeFull() ?? (this.#openLines === 0 ? undefined : this.#takeOpen());
  }

  #takeOpen(): Chunk {
    const chunk = { bytes: this.#open.subarray(0, this.#openBytes), lines: this.#openLines, since: this.#openSince };
    this.#open = this.#spare ?? newChunk();
    this.#spare = undefined;
    this.#openBytes = 0;
    this.#openLines = 0;
    this.#openSince = Infinity;
    return chunk;
  }

  #takeFull(): Chunk | undefined {
    const full = this.#full.shift();
    this.#fullBytes -= full?.bytes.length ?? 0;
    return full;
  }

  /** Makes room in the open chunk. */
  #fill(): void {
    const chunk = this.#takeOpen();
    this.#full.push(chunk);
    this.#fullBytes += chunk.bytes.length;
    this.#packBeyond(this.#away ? 0 : MAX_FULL);
  }

  /** Compresses all full chunks but so many of the newest. */
  #packBeyond(count: number): void {
    while (this.#full.length > count) {
      const oldest = this.#takeFull();
      if (oldest === undefined) return;
      this.#pack(oldest);
      this.#reuse(oldest);
    }
  }

  #pack({ bytes: raw, lines, since }: Chunk): void {
    const roomy = zstdCompressSync(raw, { ...ROOM, params: LEVEL });
    // Cut to size: it would hold the room for the worst case.
    const bytes = Buffer.allocUnsafeSlow(roomy.length);
    roomy.copy(bytes);
    free(roomy);
    this.#packed.push({ bytes, lines, since });
    this.#packedBytes += bytes.length;
  }

  #unpack({ bytes, lines, since }: Chunk): Chunk {
    this.#packedBytes -= bytes.length;
    const raw = zstdDecompressSync(bytes, ROOM);
    free(bytes);
    return { bytes: raw, lines, since };
  }

  #dropOldest(): void {
    const head = this.#head;
    if (head !== undefined) {
      this.#onDropped(head.lines - this.#takenLines);
      this.#endHead(head);
      return;
    }
    const packed = this.#packed.shift();
    this.#packedBytes -= packed?.bytes.length ?? 0;
    const oldest = packed ?? this.#takeFull();
    if (oldest === undefined) throw new RangeError(`${this.#maxBytes} bytes are too few for one chunk`);
    this.#reuse(oldest);
    this.#onDropped(oldest.lines);
  }

  #reuse({ bytes }: Chunk): void {
    const whole = Buffer.from(bytes.buffer);
    if (whole.length === CHUNK_BYTES && this.#spare === undefined) this.#spare = whole;
    else free(whole);
  }
}

/** Maximum full chunks that wait uncompressed: to compress one holds up the event loop for a millisecond where both have one core. */
const MAX_FULL = 1;

/** Output has memory of its own: a smaller buffer would be taken from Node.js' pool, which others have small buffers in. */
const ROOM = { chunkSize: CHUNK_BYTES };
const LEVEL = { [constants.ZSTD_c_compressionLevel]: 1 };
const LINE_FEED = 0x0a;

function newChunk(): Buffer {
  return Buffer.allocUnsafeSlow(CHUNK_BYTES);
}

/** Where the line ends that stands at this place. */
function endOfLine(bytes: Buffer, at: number): number {
  const lineFeed = bytes.indexOf(LINE_FEED, at);
  return lineFeed === -1 ? bytes.length : lineFeed + 1;
}

/** Frees the memory behind a buffer at once. It must be the buffer's alone. */
function free({ buffer }: Buffer): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
