import { StringDecoder } from 'node:string_decoder';

/** Longest line that is kept whole; the rest of a longer one is left out. Characters. */
const MAX_LINE = 262_144;

/** Makes lines of chunks of bytes, whatever the chunks cut in two. Memory is bounded by the longest line. */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  #decoder = new StringDecoder('utf8');
  #rest = '';
  #cut = false;

  /** @param onLine called for each line that is not empty, without its line end */
  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    const lines = this.#decoder.write(chunk).split('\n');
    for (const part of lines.slice(0, -1)) {
      this.#append(part);
      this.#emit();
    }
    this.#append(lines.at(-1) ?? '');
  }

  /** The stream is over: what is left is the last line. */
  end(): void {
    this.#append(this.#decoder.end());
    this.#emit();
    this.#decoder = new StringDecoder('utf8');
  }

  #append(part: string): void {
    if (this.#cut) return;
    this.#rest += part;
    if (this.#rest.length <= MAX_LINE) return;
    this.#rest = this.#rest.slice(0, MAX_LINE);
    this.#cut = true;
  }

  #emit(): void {
    const line = this.#rest.endsWith('\r') ? this.#rest.slice(0, -1) : this.#rest;
    this.#rest = '';
    this.#cut = false;
    if (line !== '') this.#onLine(line);
  }
}
