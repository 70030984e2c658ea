import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');
/** Licences that may be distributed together with Apache-2.0 (the Apache Software Foundation's category A). */
const COMPATIBLE: readonly (string | undefined)[] = [
  'MIT',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  '0BSD',
  '(MIT OR Apache-2.0)',
  '(MIT AND Zlib)',
];

interface LockFile {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly optional?: boolean }>>;
}
interface Manifest {
  readonly license?: string;
  readonly name: string;
}

test('every production dependency has a licence that is compatible with Apache-2.0', () => {
  const { packages } = read('package-lock.json') as LockFile;
  const folders = Object.keys(packages).filter((path) => path !== '' && packages[path]?.dev !== true);
  assert.ok(folders.length > 50);
  const manifests = folders
    .filter((path) => existsSync(join(ROOT, path)))
    .map((path) => read(`${path}/package.json`) as Manifest);
  const others = manifests.filter(({ license }) => !COMPATIBLE.includes(license));
  assert.deepEqual(
    others.map(({ name, license }) => `${name}: ${license}`),
    [],
  );
});

test('the licence in package.json is the text in LICENSE', () => {
  assert.equal((read('package.json') as Manifest).license, 'Apache-2.0');
  assert.match(readFileSync(join(ROOT, 'LICENSE'), 'utf8'), /Apache License\s+Version 2\.0, January 2004/);
});

function read(path: string): unknown {
  return JSON.parse(readFileSync(join(ROOT, path), 'utf8'));
}
