import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TOOLS } from '../../scripts/tools.ts';
import type { Cleanup } from '../../testkit/redis.ts';
import type { Undo } from './undo.ts';

/** The wall clock of a process, by libfaketime, where that is there. The monotonic clock is left alone. */
export class Clock {
  /** Environment of the process. */
  readonly env: Readonly<Record<string, string>>;
  readonly #file: string;

  constructor(t: Cleanup) {
    const folder = mkdtempSync(join(tmpdir(), 'wmc-clock-'));
    t.after(() => {
      rmSync(folder, { recursive: true });
    });
    this.#file = join(folder, 'offset');
    this.#set(0);
    const library = TOOLS.faketime.find();
    this.env =
      library === undefined
        ? {}
        : {
            LD_PRELOAD: library,
            DONT_FAKE_MONOTONIC: '1',
            FAKETIME_TIMESTAMP_FILE: this.#file,
            FAKETIME_CACHE_DURATION: '1',
          };
  }

  /** Lets it jump, and back at the end: within a second. */
  jump(seconds: number): Undo {
    this.#set(seconds);
    return () => {
      this.#set(0);
    };
  }

  #set(seconds: number): void {
    writeFileSync(this.#file, `${seconds < 0 ? '' : '+'}${seconds}\n`);
  }
}
