import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Names image and chart of a release by their digests. */
export const RELEASE_FILE = 'release.json';
/** Lists the files of a release with their SHA-256, as sha256sum(1) reads it. */
export const SUMS = 'SHA256SUMS';
/** The signature of {@link SUMS}. */
export const SUMS_SIGNATURE = `${SUMS}.sigstore.json`;

/** Writes {@link SUMS} about everything that is in a folder. */
export function writeSums(folder: string): void {
  const lines = readdirSync(folder)
    .sort()
    .map((name) => `${sha256(join(folder, name))}  ${name}\n`);
  writeFileSync(join(folder, SUMS), lines.join(''));
}

/**
 * Compares the files of a folder with its {@link SUMS}.
 * @returns what is wrong: a file that is missing, differs or is not listed
 */
export function sumProblems(folder: string): readonly string[] {
  const sums = new Map(
    [...readFileSync(join(folder, SUMS), 'utf8').matchAll(/^([0-9a-f]{64}) [ *](.+)$/gm)].map(
      ([, sum, name]) => [name!, sum!] as const,
    ),
  );
  const unlisted = readdirSync(folder).filter((name) => !sums.has(name) && name !== SUMS && name !== SUMS_SIGNATURE);
  const wrong = [...sums].flatMap(([name, sum]) => {
    if (!existsSync(join(folder, name))) return [`${name} is missing`];
    return sha256(join(folder, name)) === sum ? [] : [`${name} has another SHA-256`];
  });
  const required = sums.has(RELEASE_FILE) ? [] : [`${RELEASE_FILE} is not in ${SUMS}`];
  return [...required, ...wrong, ...unlisted.map((name) => `${name} is not in ${SUMS}`)];
}

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}
