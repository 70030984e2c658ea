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
 * Lines that wait for Loki, in order. What waits for longer than a push takes is compressed to about a seventh, so that a few
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
  readonly #packed: PackedChunk[] = [];
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
    return this.#openBytes + this.#packedBytes;
  }

  /** When the first of the lines was taken, in milliseconds since 1970; Infinity if there is none. */
  get since(): number {
    return this.#packed[0]?.since ?? this.#openSince;
  }

  /**
   * Adds a copy of lines, and drops the oldest if there is no room.
   * @param bytes at most {@link CHUNK_BYTES}
   */
  add(bytes: Uint8Array, lines: number): void {
    if (this.#openBytes + bytes.length > CHUNK_BYTES) this.#pack();
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
    if (this.#openLines === 0) return undefined;
    const chunk = { bytes: this.#open.subarray(0, this.#openBytes), lines: this.#openLines, since: this.#openSince };
    this.#open = this.#spare ?? newChunk();
    this.#spare = undefined;
    this.#emptyOpen();
    return chunk;
  }

  /** Gives back the memory of lines taken out. */
  giveBack({ bytes }: LineChunk): void {
    if (bytes.buffer.byteLength === CHUNK_BYTES) this.#spare = Buffer.from(bytes.buffer);
    else free(bytes);
  }

  #unpack({ bytes, rawBytes, lines, since }: PackedChunk): LineChunk {
    this.#packedBytes -= bytes.length;
    const raw = zstdDecompressSync(bytes, { chunkSize: rawBytes });
    free(bytes);
    return { bytes: raw, lines, since };
  }

  #pack(): void {
    const raw = this.#open.subarray(0, this.#openBytes);
    const roomy = zstdCompressSync(raw, { chunkSize: raw.length, params: LEVEL });
    // Cut to size: it would hold the room for the worst case.
    const bytes = Buffer.allocUnsafeSlow(roomy.length);
    roomy.copy(bytes);
    free(roomy);
    this.#packed.push({ bytes, rawBytes: raw.length, lines: this.#openLines, since: this.#openSince });
    this.#packedBytes += bytes.length;
    this.#emptyOpen();
  }

  #dropOldest(): void {
    const packed = this.#packed.shift();
    if (packed === undefined) throw new RangeError(`${this.#maxBytes} bytes are too few for one chunk`);
    this.#packedBytes -= packed.bytes.length;
    free(packed.bytes);
    this.#onDropped(packed.lines);
  }

  #emptyOpen(): void {
    this.#openBytes = 0;
    this.#openLines = 0;
    this.#openSince = Infinity;
  }
}

interface PackedChunk {
  readonly bytes: Buffer;
  readonly rawBytes: number;
  readonly lines: number;
  readonly since: number;
}

const LEVEL = { [constants.ZSTD_c_compressionLevel]: 1 };

function newChunk(): Buffer {
  return Buffer.allocUnsafeSlow(CHUNK_BYTES);
}

/** Frees the memory behind a buffer at once, if that is the buffer's alone. */
function free({ buffer, byteLength }: Buffer): void {
  if (buffer instanceof ArrayBuffer && byteLength > buffer.byteLength / 8) buffer.transfer(0);
}
