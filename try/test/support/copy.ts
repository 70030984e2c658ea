import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

const ROOT = join(import.meta.dirname, '..', '..', '..');
/** What a trial is run from: in a copy, since one of this clone may be up. */
const SOURCES = ['try', 'lib', 'scripts/tools.ts', 'package.json'];
/** Docker, kubectl and helm that succeed. */
export const SUCCEEDS = '#!/bin/sh\necho 1\n';

/** A copy of the program, with programs for it to call in its folder `bin`. */
export function copy(t: TestContext, programs: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'try-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  for (const source of SOURCES) cpSync(join(ROOT, source), join(folder, source), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  mkdirSync(join(folder, 'bin'));
  for (const [name, program] of Object.entries(programs))
    writeFileSync(join(folder, 'bin', name), program, { mode: 0o755 });
  return folder;
}
