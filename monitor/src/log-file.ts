import { open, stat, type FileHandle } from 'node:fs/promises';
import type { Transform } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { lineSplitter } from './log-lines.ts';
import type { Report } from './report.ts';

/** Time between two looks. `fs.watch` does not work on every file system (Node.js documentation, fs, "Availability"). */
const POLL_MS = 200;

/**
 * Follows a file from its end by name: a file that was renamed or removed is read to its end, then the one that took its name
 * from its beginning; a file that shrank is read from its beginning. `tail -F` is no substitute: GNU tail 9.1 loses the lines
 * that are written to the old file after it was renamed.
 */
export class LogFile {
  readonly #path: string;
  readonly #report: Report;
  readonly #onLine: (line: string) => void;
  #handle: FileHandle | undefined;
  #position = 0;
  #lines: Transform;
  #late = false;

  constructor(path: string, report: Report, onLine: (line: string) => void) {
    this.#path = path;
    this.#report = report;
    this.#onLine = onLine;
    this.#lines = lineSplitter().on('data', onLine);
  }

  /** Follows until the signal aborts, and reads what is there then. */
  async follow(signal: AbortSignal): Promise<void> {
    const part = `log ${this.#path}`;
    this.#report.expect(part);
    for (let last = false; !last;) {
      last = signal.aborted;
      try {
        await this.#look();
        this.#report.seen(part);
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        // A file that lost its name is read on until another has it.
        if (this.#handle === undefined)
          this.#report.lost(part, code === 'ENOENT' ? 'there is no such file; it is read when it comes' : message);
      }
      this.#late = true;
      if (!last) await pause(POLL_MS, undefined, { signal }).catch(() => undefined);
    }
    await this.#handle?.close();
  }

  async #look(): Promise<void> {
    const handle = (this.#handle ??= await this.#open());
    const { size, ino } = await handle.stat();
    if (size < this.#position) this.#startOver('truncated: read from its beginning');
    await this.#read(handle);
    if ((await stat(this.#path)).ino === ino) return;
    await this.#read(handle);
    await handle.close();
    this.#handle = undefined;
    this.#startOver('rotated: the file that has its name now is read');
    await this.#look();
  }

  /** The first file is read from its end, since the watch begins now; one that comes later from its beginning. */
  async #open(): Promise<FileHandle> {
    if (!(await stat(this.#path)).isFile()) throw new Error('it is not a regular file');
    const handle = await open(this.#path);
    this.#position = this.#late ? 0 : (await handle.stat()).size;
    this.#late = true;
    return handle;
  }

  #startOver(message: string): void {
    this.#position = 0;
    this.#lines.end();
    this.#lines = lineSplitter().on('data', this.#onLine);
    this.#report.notice({ kind: 'stream', source: `log ${this.#path}`, message });
  }

  async #read(handle: FileHandle): Promise<void> {
    for (;;) {
      const { bytesRead, buffer } = await handle.read({ position: this.#position });
      if (bytesRead === 0) return;
      this.#position += bytesRead;
      this.#lines.write(buffer.subarray(0, bytesRead));
    }
  }
}
