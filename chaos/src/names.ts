import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cleanup } from '../../testkit/redis.ts';
import type { Undo } from './undo.ts';
import { inside } from './sandbox.ts';

const HOSTS = '/etc/hosts';

/** Names of this machine that can go: an /etc/hosts of its own. There is no other name service in a sandbox. */
export class Names {
  readonly #known: Set<string>;
  readonly #file: string;
  readonly #rest = readFileSync(HOSTS, 'utf8');

  /** Only in a sandbox. */
  constructor(t: Cleanup, names: readonly string[]) {
    const folder = mkdtempSync(join(tmpdir(), 'wmc-names-'));
    this.#known = new Set(names);
    this.#file = join(folder, 'hosts');
    this.#write();
    inside('mount', '--bind', this.#file, HOSTS);
    t.after(() => {
      inside('umount', HOSTS);
      rmSync(folder, { recursive: true });
    });
  }

  /** Lets a name go. */
  forget(name: string): Undo {
    this.#known.delete(name);
    this.#write();
    return () => {
      this.#known.add(name);
      this.#write();
    };
  }

  #write(): void {
    const lines = [...this.#known].map((name) => `127.0.0.1 ${name}\n`);
    writeFileSync(this.#file, `${lines.join('')}${this.#rest}`);
  }
}
