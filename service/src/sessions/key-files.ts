import { EventEmitter } from 'node:events';
import { readFile } from 'node:fs/promises';
import { MIN_KEY_LENGTH } from '../config/options.ts';
import type { Keys } from './key-ring.ts';

/**
 * Time between two reads, in milliseconds. Reading finds every kind of change, such as the swap of a link above the file
 * by which the kubelet replaces a Secret.
 */
const POLL_MS = 1000;

/** Paths of the files. The one of the previous key need not be there; empty for none. */
export interface KeyFilePaths {
  readonly key: string;
  readonly previousKey: string;
}

/** Reads keys from files, and again and again. */
export class KeyFiles extends EventEmitter<{ changed: [keys: Keys]; failed: [reason: string] }> {
  readonly #paths: KeyFilePaths;
  #last: Keys | undefined;
  #lastFailure = '';
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(paths: KeyFilePaths) {
    super();
    this.#paths = paths;
  }

  /**
   * Reads the keys. From then on `changed` is emitted when there are others, and `failed` once when there are none.
   * @throws {Error} naming the variable and its file, if there is no key in it
   */
  async open(): Promise<Keys> {
    this.#last = await readKeys(this.#paths);
    this.#schedule();
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
    const keys = await readKeys(this.#paths).catch((error: unknown) => (error as Error).message);
    if (this.#closed) return;
    if (typeof keys === 'string') {
      if (keys !== this.#lastFailure) this.emit('failed', keys);
      this.#lastFailure = keys;
    } else {
      const { key, previousKey } = this.#last ?? keys;
      this.#last = keys;
      this.#lastFailure = '';
      if (keys.key !== key || keys.previousKey !== previousKey) this.emit('changed', keys);
    }
    this.#schedule();
  }
}

async function readKeys({ key, previousKey }: KeyFilePaths): Promise<Keys> {
  return {
    key: await readKey('RESUME_TOKEN_KEY_FILE', key),
    previousKey: previousKey === '' ? '' : await readPreviousKey(previousKey),
  };
}

async function readPreviousKey(path: string): Promise<string> {
  try {
    return await readKey('RESUME_TOKEN_PREVIOUS_KEY_FILE', path);
  } catch (error) {
    if (((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return '';
    throw error;
  }
}

async function readKey(variable: string, path: string): Promise<string> {
  const file = `${variable}=${JSON.stringify(path)}`;
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new Error(`${file} can't be read: ${(error as Error).message}`, { cause: error });
  });
  // A line feed at its end is the editor's, and no part of the key.
  const key = text.trim();
  if (key.length < MIN_KEY_LENGTH)
    throw new Error(`${file} holds ${key.length} characters: a key has at least ${MIN_KEY_LENGTH}`);
  return key;
}
