import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { program } from './program.ts';

const ROOT = new URL('../', import.meta.url);

/** Contents of generated files, by path from the project's root; a file whose content is `undefined` should not exist. */
export type GeneratedFiles = ReadonlyMap<string, string | undefined>;

/** Paths of the files that differ from their generated content. */
export function staleFiles(files: GeneratedFiles): string[] {
  return [...files].filter(([path, content]) => readIfExists(path) !== content).map(([path]) => path);
}

/**
 * Writes the files that are stale. With `--check` among the arguments it writes nothing, names them, and sets the exit status
 * to 1 if there are any.
 * @param command the command that writes them, for the error message
 */
export function generate(files: GeneratedFiles, command: string): void {
  const { check } = program(command, 'Writes generated files.')
    .option('--check', 'write nothing; fail if a file is out of date')
    .parse()
    .opts<{ check?: boolean }>();
  for (const path of staleFiles(files)) {
    if (check === true) {
      process.stderr.write(`${path} is out of date: run ${command} and commit it\n`);
      process.exitCode = 1;
      continue;
    }
    write(new URL(path, ROOT), files.get(path));
    process.stdout.write(`wrote ${path}\n`);
  }
}

function write(url: URL, content: string | undefined): void {
  if (content === undefined) {
    rmSync(url);
    return;
  }
  mkdirSync(new URL('.', url), { recursive: true });
  writeFileSync(url, content);
}

function readIfExists(path: string): string | undefined {
  try {
    return readFileSync(new URL(path, ROOT), 'utf8');
  } catch {
    return undefined;
  }
}
