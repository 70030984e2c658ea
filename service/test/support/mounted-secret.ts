import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cleanup } from '../../../testkit/redis.ts';

/** A folder as the kubelet makes it of a Secret: links to a folder of one version, which is replaced as a whole. */
export class MountedSecret<Name extends string> {
  readonly #folder: string;
  #version = 0;

  /** @param names files that the Secret may hold */
  constructor(t: Cleanup, names: readonly Name[], files: Readonly<Partial<Record<Name, string>>>) {
    this.#folder = mkdtempSync(join(tmpdir(), 'wmc-secret-'));
    t.after(() => {
      rmSync(this.#folder, { recursive: true });
    });
    for (const name of names) symlinkSync(join('..data', name), this.path(name));
    this.replace(files);
  }

  path(name: string): string {
    return join(this.#folder, name);
  }

  replace(files: Readonly<Partial<Record<Name, string>>>): void {
    const before = `..version_${this.#version}`;
    this.#version += 1;
    const version = `..version_${this.#version}`;
    mkdirSync(this.path(version));
    for (const [name, text] of Object.entries<string | undefined>(files))
      if (text !== undefined) writeFileSync(join(this.path(version), name), text);
    symlinkSync(version, this.path('..data_tmp'));
    renameSync(this.path('..data_tmp'), this.path('..data'));
    rmSync(this.path(before), { recursive: true, force: true });
  }
}
