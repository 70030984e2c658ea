import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

/** Lines that are pushed together. */
export interface LineChunk {
  readonly bytes: Buffer;
  readonly lines: number;
  /** When the first of them was taken, in milliseconds since 1970. */
  readonly since: number;
}

/** Most bytes of lines in a push, about 1,500 of them. Loki's ingesters take 4 MiB (`grpc_server_max_recv_msg_size`), metadata included. */
export const CHUNK_BYTES = 512 * 1024;

/**
 * Lines that wait for Loki, in order. What waits for longer than a few pushes take is compressed to about a seventh, so that a few
 * MiB last through an outage. When even that is full the oldest go: what Loki gets at its return is the latest, without holes.
 *
 * Memory is used again, or given back by hand: the garbage collector sees small objects and takes its time while the buffers behind
 * them pile up.
 */
export class LokiQueue {
  readonly #maxBytes: number;
  readonly #onDropped: (lines: number) => void;
  /** The newest lines, as they came, at the start of a buffer of {@link CHUNK_BYTES}. */
  #open = newChunk();
  #openBytes = 0;
  #openLines = 0;
  #openSince = Infinity;
  /** A buffer to follow the open one. */
  #spare: Buffer | undefined;
  #away = false;
  /** Full chunks, as they came, older than the open one. */
  readonly #full: LineChunk[] = [];
  #fullBytes = 0;
  /** Older ones, compressed. */
  readonly #packed: LineChunk[] = [];
  #packedBytes = 0;

  /**
   * @param maxBytes most bytes that wait; twice {@link CHUNK_BYTES} at least
   * @param onDropped told how many lines were dropped
   */
  constructor(maxBytes: number, onDropped: (lines: number) => void) {
    this.#maxBytes = maxBytes;
    this.#onDropped = onDropped;
  }

  /** Bytes in memory. */
  get bytes(): number {
    return this.#openBytes + this.#fullBytes + this.#packedBytes;
  }

  /** Whether a whole chunk waits. */
  get behind(): boolean {
    return this.#full.length + this.#packed.length > 0;
  }

  /** When the first of the lines was taken, in milliseconds since 1970; Infinity if there is none. */
  get since(): number {
    return (this.#packed[0] ?? this.#full[0])?.since ?? this.#openSince;
  }

  /** Whether what waits is to wait for long: then all but the newest is compressed at once. */
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

  /** Takes the oldest lines out. Their memory is to be given back. */
  take(): LineChunk | undefined {
    const packed = this.#packed.shift();
    if (packed !== undefined) return this.#unpack(packed);
    const full = this.#takeFull();
    if (full !== undefined) return full;
    return this.#openLines === 0 ? undefined : this.#takeOpen();
  }

  /** Gives back the memory of lines taken out. */
  giveBack({ bytes }: LineChunk): void {
    const whole = Buffer.from(bytes.buffer);
    if (whole.length === CHUNK_BYTES && this.#spare === undefined) this.#spare = whole;
    else free(whole);
  }

  #unpack({ bytes, lines, since }: LineChunk): LineChunk {
    this.#packedBytes -= bytes.length;
    const raw = zstdDecompressSync(bytes, ROOM);
    free(bytes);
    return { bytes: raw, lines, since };
  }

  #takeOpen(): LineChunk {
    const chunk = { bytes: this.#open.subarray(0, this.#openBytes), lines: this.#openLines, since: this.#openSince };
    this.#open = this.#spare ?? newChunk();
    this.#spare = undefined;
    this.#emptyOpen();
    return chunk;
  }

  #takeFull(): LineChunk | undefined {
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

  /** Compresses all but the newest so many of the full chunks. */
  #packBeyond(most: number): void {
    while (this.#full.length > most) {
      const oldest = this.#takeFull();
      if (oldest === undefined) return;
      this.#pack(oldest);
      this.giveBack(oldest);
    }
  }

  #pack({ bytes: raw, lines, since }: LineChunk): void {
    const roomy = zstdCompressSync(raw, { ...ROOM, params: LEVEL });
    // Cut to size: it would hold the room for the worst case.
    const bytes = Buffer.allocUnsafeSlow(roomy.length);
    roomy.copy(bytes);
    free(roomy);
    this.#packed.push({ bytes, lines, since });
    this.#packedBytes += bytes.length;
  }

  #dropOldest(): void {
    const packed = this.#packed.shift();
    const oldest = packed ?? this.#takeFull();
    if (oldest === undefined) throw new RangeError(`${this.#maxBytes} bytes are too few for one chunk`);
    if (packed !== undefined) this.#packedBytes -= packed.bytes.length;
    this.giveBack(oldest);
    this.#onDropped(oldest.lines);
  }

  #emptyOpen(): void {
    this.#openBytes = 0;
    this.#openLines = 0;
    this.#openSince = Infinity;
  }
}

/** Most full chunks that wait as they came: to compress one holds up the event loop for a millisecond where both have one core. */
const MAX_FULL = 1;

/** What is written to has memory of its own: less would be taken from Node.js' pool, which others have small buffers in. */
const ROOM = { chunkSize: CHUNK_BYTES };
const LEVEL = { [constants.ZSTD_c_compressionLevel]: 1 };

function newChunk(): Buffer {
  return Buffer.allocUnsafeSlow(CHUNK_BYTES);
}

/** Frees the memory behind a buffer at once. It must be the buffer's alone. */
function free({ buffer }: Buffer): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
