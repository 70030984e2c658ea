import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A place beside package.json that names the version, in a file of the tree. */
interface Place {
  readonly file: string;
  readonly what: string;
  /** The version stands in its second group. */
  readonly pattern: RegExp;
}

const PLACES: readonly Place[] = [
  { file: 'chart/Chart.yaml', what: 'version', pattern: /^(version: )(\S+)$/m },
  { file: 'chart/Chart.yaml', what: 'appVersion', pattern: /^(appVersion: ")([^"]+)/m },
  { file: 'Dockerfile', what: 'ARG VERSION', pattern: /^(ARG VERSION=)(\S+)$/m },
  { file: 'package-lock.json', what: 'version', pattern: /^(\{\n.*\n {2}"version": ")([^"]+)/ },
  // The newest one that has a number.
  { file: 'CHANGELOG.md', what: 'the first release', pattern: /^(## \[)(\d[^\]]*)/m },
];

/**
 * Compares every place that names the version with package.json.
 * @param root folder of the tree
 * @returns a line for each that differs; none if all agree
 */
export function versionProblems(root: string): readonly string[] {
  const version = versionOf(root);
  return PLACES.flatMap(({ file, what, pattern }) => {
    const found = pattern.exec(read(root, file))?.[2] ?? 'missing';
    return found === version ? [] : [`${what} in ${file} is ${found}, package.json has ${version}`];
  });
}

/** The version that package.json of a tree has. */
export function versionOf(root: string): string {
  return (JSON.parse(read(root, 'package.json')) as { version: string }).version;
}

/**
 * Sets the version in every file that names it, except those that npm writes.
 * @param day of the release, `2026-01-31`
 * @returns contents by path
 */
export function withVersion(root: string, version: string, day: string): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const { file, pattern } of PLACES) {
    if (file === 'package-lock.json' || file === 'CHANGELOG.md') continue;
    files.set(file, (files.get(file) ?? read(root, file)).replace(pattern, `$1${version}`));
  }
  const changes = read(root, 'CHANGELOG.md');
  files.set(
    'CHANGELOG.md',
    changes
      .replace('## [Unreleased]\n', `## [Unreleased]\n\n## [${version}] - ${day}\n`)
      .replace(
        /^\[Unreleased\]: (.*\/compare\/)(.*)\.\.\.HEAD$/m,
        `[Unreleased]: $1v${version}...HEAD\n[${version}]: $1$2...v${version}`,
      ),
  );
  return files;
}

/** What CHANGELOG.md says of a version, without its heading; undefined if there is no such version, or nothing about it. */
export function releaseNotes(changelog: string, version: string): string | undefined {
  const begin = changelog.indexOf(`\n## [${version}]`);
  if (begin === -1) return undefined;
  const [, ...lines] = changelog.slice(begin + 1).split('\n');
  const end = lines.findIndex((line) => line.startsWith('## ') || /^\[[^\]]+\]: /.test(line));
  const notes = (end === -1 ? lines : lines.slice(0, end)).join('\n').trim();
  return notes === '' ? undefined : notes;
}

/** What keeps CHANGELOG.md from being the notes of a version: text that no version has yet, or none about it. */
export function notesProblem(changelog: string, version: string): string | undefined {
  if (releaseNotes(changelog, 'Unreleased') !== undefined)
    return `CHANGELOG.md has changes under Unreleased, which ${version} would publish without a word; npm version minor (or patch, major) makes the version that they belong to`;
  if (releaseNotes(changelog, version) === undefined)
    return `CHANGELOG.md says nothing about ${version}; write it, and commit it`;
  return undefined;
}

function read(root: string, file: string): string {
  return readFileSync(join(root, file), 'utf8');
}
