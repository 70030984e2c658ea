import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/**
 * A TCP connection that can be read a few bytes a second, so that what its peer sends fills the buffers on the way. `ws`
 * can pause one, but then reads 64 KiB at once.
 */
export class SlowSocket extends Duplex {
  readonly #socket: Socket;
  readonly #bytesPerSecond: number;
  #slow = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, bytesPerSecond: number) {
    super({ readableHighWaterMark: 1 });
    this.#socket = socket;
    this.#bytesPerSecond = bytesPerSecond;
    socket
      .on('end', () => this.push(null))
      .on('error', (error) => this.destroy(error))
      .on('close', () => this.destroy());
  }

  /** From now on reads slowly. */
  readSlowly(): void {
    this.#slow = true;
  }

  /** From now on reads whatever comes. */
  readFreely(): void {
    this.#slow = false;
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#read();
  }

  override _read(): void {
    if (this.#slow)
      this.#timer ??= setTimeout(() => {
        this.#read();
      }, 1000);
    else this.#read();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#socket.write(chunk, encoding, callback);
  }

  override _final(callback: () => void): void {
    this.#socket.end(callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#timer);
    this.#socket.destroy();
    callback(error);
  }

  #read(): void {
    this.#timer = undefined;
    const { readableLength } = this.#socket;
    const bytes: unknown = this.#socket.read(this.#slow ? Math.min(this.#bytesPerSecond, readableLength) : undefined);
    if (Buffer.isBuffer(bytes)) this.push(bytes);
    else
      this.#socket.once('readable', () => {
        this._read();
      });
  }
}
