import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { TOOLS } from '../../scripts/tools.ts';
import type { Cleanup } from '../../testkit/redis.ts';
import type { Undo } from './undo.ts';

/** A process looks at its file once more than so many whole seconds have gone. */
const READ_EVERY_SECONDS = 1;
/** By then its clock is back. A CLIENT PAUSE that began earlier would last until the time that it jumped to. */
const BACK_MS = (READ_EVERY_SECONDS + 2) * 1000;

/** The wall clock of a process, by libfaketime, where that is there. The monotonic clock is left alone. */
export class Clock {
  /** Whose clock it is: the name of the process as a target of faults. */
  readonly name: string;
  /** Environment of the process. */
  readonly env: Readonly<Record<string, string>>;
  readonly #file: string;

  constructor(t: Cleanup, name: string) {
    this.name = name;
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
            // libc's allocator comes before any other: that of Redis (jemalloc) reads the clock when it starts, and the
            // library allocates when the clock is read first, so that each would wait for the other.
            LD_PRELOAD: `${library} libc.so.6`,
            DONT_FAKE_MONOTONIC: '1',
            FAKETIME_TIMESTAMP_FILE: this.#file,
            FAKETIME_CACHE_DURATION: String(READ_EVERY_SECONDS),
          };
  }

  /** Lets it jump, and back at the end. What the process times by its clock from then on is not disturbed. */
  jump(seconds: number): Undo {
    this.#set(seconds);
    return async () => {
      this.#set(0);
      await delay(BACK_MS);
    };
  }

  #set(seconds: number): void {
    writeFileSync(this.#file, `${seconds < 0 ? '' : '+'}${seconds}\n`);
  }
}
