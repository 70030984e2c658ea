import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cleanup } from '../../testkit/redis.ts';
import type { Undo } from './undo.ts';
import { inside } from './sandbox.ts';

/** Room for the file of a server and for the one that replaces it. */
const SIZE = '64m';
const PIECE = Buffer.alloc(2 ** 16);

/** A small disk: a folder in memory. */
export class Disk {
  readonly folder: string;

  /** Only in a sandbox. */
  constructor(t: Cleanup) {
    this.folder = mkdtempSync(join(tmpdir(), 'wmc-disk-'));
    inside('mount', '-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', this.folder);
    t.after(() => {
      inside('umount', '--lazy', this.folder);
      rmSync(this.folder, { recursive: true });
    });
  }

  /** Takes all room that is left. */
  fill(): Undo {
    const path = join(this.folder, 'filler');
    const file = openSync(path, 'w');
    try {
      for (;;) writeSync(file, PIECE);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(file);
    }
    return () => {
      rmSync(path);
    };
  }
}
