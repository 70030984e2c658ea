import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const ROOT = new URL('../', import.meta.url);

/** Contents of generated files, by path from the project's root. */
export type GeneratedFiles = ReadonlyMap<string, string>;

/** Paths of the files that are missing, or differ from what they should be. */
export function staleFiles(files: GeneratedFiles): string[] {
  return [...files].filter(([path, content]) => readIfThere(path) !== content).map(([path]) => path);
}

/**
 * Writes the files that are stale. With `--check` among the arguments it writes nothing, names them, and sets the exit status
 * to 1 if there are any.
 * @param command what writes them, for the one whose check failed
 */
export function generate(files: GeneratedFiles, command: string): void {
  const check = process.argv.includes('--check');
  for (const path of staleFiles(files)) {
    if (check) {
      console.error(`${path} differs from what it is made from: run ${command} and commit it`);
      process.exitCode = 1;
      continue;
    }
    const url = new URL(path, ROOT);
    mkdirSync(new URL('.', url), { recursive: true });
    writeFileSync(url, files.get(path) ?? '');
    console.log(`wrote ${path}`);
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(new URL(path, ROOT), 'utf8');
  } catch {
    return undefined;
  }
}
