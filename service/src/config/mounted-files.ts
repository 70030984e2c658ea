import { EventEmitter } from 'node:events';
import { readFile } from 'node:fs/promises';

/**
 * Time between two reads, in milliseconds. Reading finds every kind of change, such as the swap of a link above the file
 * by which the kubelet replaces a Secret.
 */
const POLL_MS = 1000;

/** A file that a variable names, for example of a mounted Secret. */
export interface MountedFile {
  /** Name of the variable, for errors. */
  readonly variable: string;
  /** Empty if the variable is not set. */
  readonly path: string;
  /** It need not be there. */
  readonly optional?: boolean;
  /** What is wrong with its text, or `undefined`. Never contains the text. */
  readonly problem: (text: string) => string | undefined;
}

/** The texts of the files, without white space at their ends; empty for a file that is not named, or not there. */
export type FileTexts<Name extends string> = Readonly<Record<Name, string>>;

/** Reads a set of files, and again and again, so that what they hold can be changed without a restart. */
export class MountedFiles<Name extends string> extends EventEmitter<{
  changed: [texts: FileTexts<Name>];
  failed: [reason: string];
}> {
  readonly #files: Readonly<Record<Name, MountedFile>>;
  readonly #mismatch: (texts: FileTexts<Name>) => string | undefined;
  #last: FileTexts<Name> | undefined;
  #failure = '';
  #reported = '';
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param mismatch why files that are good by themselves do not fit together */
  constructor(
    files: Readonly<Record<Name, MountedFile>>,
    mismatch: (texts: FileTexts<Name>) => string | undefined = () => undefined,
  ) {
    super();
    this.#files = files;
    this.#mismatch = mismatch;
  }

  /**
   * Reads the files. From then on `changed` is emitted when they hold something else, and `failed` once when they hold
   * nothing that can be used.
   * @throws {Error} naming the variable and its file, if it can't be used
   */
  async open(): Promise<FileTexts<Name>> {
    this.#last = await this.#read();
    if (Object.values<MountedFile>(this.#files).some(({ path }) => path !== '')) this.#schedule();
    return this.#last;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      void this.#check();
    }, POLL_MS).unref();
  }

  async #check(): Promise<void> {
    const texts = await this.#read().catch((error: unknown) => (error as Error).message);
    if (this.#closed) return;
    if (typeof texts === 'string') this.#failed(texts);
    else this.#succeeded(texts);
    this.#schedule();
  }

  /** Files that are written one after the other do not fit together for a moment: a failure counts at its second read. */
  #failed(reason: string): void {
    if (reason === this.#failure && reason !== this.#reported) {
      this.#reported = reason;
      this.emit('failed', reason);
    }
    this.#failure = reason;
  }

  #succeeded(texts: FileTexts<Name>): void {
    const last = this.#last;
    this.#last = texts;
    this.#failure = '';
    this.#reported = '';
    if ((Object.keys(texts) as Name[]).some((name) => texts[name] !== last?.[name])) this.emit('changed', texts);
  }

  async #read(): Promise<FileTexts<Name>> {
    const entries = Object.entries<MountedFile>(this.#files).map(async ([name, file]) => [name, await read(file)]);
    const texts = Object.fromEntries(await Promise.all(entries)) as FileTexts<Name>;
    const mismatch = this.#mismatch(texts);
    if (mismatch !== undefined) throw new Error(mismatch);
    return texts;
  }
}

async function read({ variable, path, optional = false, problem }: MountedFile): Promise<string> {
  if (path === '') return '';
  const file = `${variable}=${JSON.stringify(path)}`;
  let text: string;
  try {
    // A line feed at its end is the editor's, and no part of a secret.
    text = (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (optional && (error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new Error(`${file} can't be read: ${(error as Error).message}`, { cause: error });
  }
  const found = problem(text);
  if (found !== undefined) throw new Error(`${file} ${found}`);
  return text;
}
