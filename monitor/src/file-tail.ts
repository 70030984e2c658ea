import { open, stat, type FileHandle } from 'node:fs/promises';
import { pause } from './waiting.ts';

/** How often the file is looked at. Polling works on every file system; `fs.watch` does not (Node.js documentation, fs "Availability"). */
const POLL_MS = 200;
const CHUNK_BYTES = 65_536;

/** What happens to a file beside its growing. */
export type FileChange = 'opened' | 'rotated' | 'truncated' | 'vanished';

/** Who is told of what the tail reads. */
export interface TailListener {
  readonly data: (chunk: Buffer) => void;
  /** The data so far is a file's last; more comes from another file or from its beginning. */
  readonly cut: () => void;
  readonly changed: (change: FileChange) => void;
  /** The file can't be read: the system's error. Told at each try. */
  readonly failed: (error: NodeJS.ErrnoException) => void;
}

/**
 * Follows a file from its end by name, as `tail -F` does: a file that was renamed or removed is read to its end, then the
 * one that took its name from its beginning; a file that shrank is read from its beginning. Of a file that is truncated and
 * grows past its old size within {@link POLL_MS} the lines before that size are missed: a size is all there is to see it by.
 */
export class FileTail {
  readonly #path: string;
  readonly #listener: TailListener;
  readonly #buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  #handle: FileHandle | undefined;
  #position = 0;
  #known = false;
  #missing = false;

  constructor(path: string, listener: TailListener) {
    this.#path = path;
    this.#listener = listener;
  }

  /** Follows until the signal aborts, and reads what is there then. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#look();
      await pause(POLL_MS, signal);
    }
    await this.#look();
    await this.#close();
  }

  async #look(): Promise<void> {
    try {
      if (this.#handle === undefined) await this.#open();
      else await this.#follow(this.#handle);
    } catch (error) {
      this.#listener.failed(error as NodeJS.ErrnoException);
    }
  }

  /** The first file is read from its end, since the watch begins now; one that comes later from its beginning. */
  async #open(): Promise<void> {
    const late = this.#known;
    this.#known = true;
    if (!(await stat(this.#path)).isFile()) throw new Error('not a regular file; give a pipe to standard input');
    const handle = await open(this.#path, 'r');
    this.#position = late ? 0 : (await handle.stat()).size;
    this.#handle = handle;
    this.#missing = false;
    this.#listener.changed('opened');
    await this.#read(handle);
  }

  /** The file is held while its name is gone, since whoever writes may not have noticed yet. */
  async #follow(handle: FileHandle): Promise<void> {
    const { size } = await handle.stat();
    if (size < this.#position) {
      this.#position = 0;
      this.#listener.cut();
      this.#listener.changed('truncated');
    }
    await this.#read(handle);
    const named = await this.#named(handle);
    if (named === 'none' && !this.#missing) {
      this.#missing = true;
      this.#listener.changed('vanished');
    }
    if (named !== 'another') return;
    await this.#read(handle);
    await this.#close();
    this.#listener.cut();
    this.#listener.changed('rotated');
    await this.#open();
  }

  async #named(handle: FileHandle): Promise<'this' | 'none' | 'another'> {
    const held = await handle.stat({ bigint: true });
    try {
      const named = await stat(this.#path, { bigint: true });
      return named.ino === held.ino && named.dev === held.dev ? 'this' : 'another';
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'none';
      throw error;
    }
  }

  async #read(handle: FileHandle): Promise<void> {
    for (;;) {
      const { bytesRead } = await handle.read(this.#buffer, 0, CHUNK_BYTES, this.#position);
      if (bytesRead === 0) return;
      this.#position += bytesRead;
      this.#listener.data(Buffer.from(this.#buffer.subarray(0, bytesRead)));
    }
  }

  async #close(): Promise<void> {
    await this.#handle?.close();
    this.#handle = undefined;
  }
}
