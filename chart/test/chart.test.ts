import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';
import { staleFiles } from '../../lib/generated-files.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { valuesTable } from '../src/docs.ts';
import { changes } from '../src/chart-yaml.ts';
import { generatedFiles, replaceBlock } from '../src/generate.ts';

const chart = fileURLToPath(new URL('../', import.meta.url));

/** A suite of the chart's unit tests, as helm-unittest reads it. */
interface Suite {
  readonly templates: readonly string[];
  readonly set?: object;
  readonly tests: readonly { readonly set?: object }[];
}

const SUITES = globSync('tests/*_test.yaml', { cwd: chart }).flatMap((path) =>
  parseAllDocuments(read(path)).map((document) => document.toJS() as Suite),
);
const TESTED_TEMPLATES = new Set(SUITES.flatMap(({ templates }) => templates));

describe('the chart', () => {
  it('has generated files that are up to date', () => {
    assert.deepEqual(staleFiles(generatedFiles()), [], 'run npx node chart/src/generate.ts');
  });

  it("has package.json's version, as have the image and its tag", () => {
    const { version, appVersion } = parse(read('Chart.yaml')) as Record<string, string>;
    const dockerfile = readFileSync(`${chart}../Dockerfile`, 'utf8');
    const image = /^ARG VERSION=(.*)$/m.exec(dockerfile)?.[1];
    assert.deepEqual({ version, appVersion, image }, imageOf(packageJson.version));
  });

  for (const template of globSync('templates/**/*.{yaml,txt}', { cwd: chart }))
    it(`has unit tests of ${template}`, () => {
      assert.ok(TESTED_TEMPLATES.has(template.slice('templates/'.length)), `no suite in chart/tests has it`);
    });

  it('has no value that no template reads', () => {
    const templates = globSync(['templates/**/*.{yaml,tpl,txt}', 'files/alerts.yaml'], { cwd: chart }).map(read).join();
    const keys = [...valuesTable(read('values.yaml')).matchAll(/^\| `([\w.]+)`/gm)].map(([, key = '']) => key);
    // The templates write the variables under `config` in a loop: options.test.ts checks those.
    const unread = keys.filter(
      (key) => !key.startsWith('config.') && !new RegExp(`\\b${key.split('.').at(-1) ?? ''}\\b`).test(templates),
    );
    assert.deepEqual(unread, []);
  });

  it('has a unit test that sets each value', () => {
    const set = new Set(SUITES.flatMap((suite) => [suite, ...suite.tests]).flatMap((each) => pathsIn(each.set ?? {})));
    const keys = [...valuesTable(read('values.yaml')).matchAll(/^\| `([\w.]+)`/gm)].map(([, key = '']) => key);
    const isSet = (key: string): boolean => [...set].some((path) => path === key || path.startsWith(`${key}.`));
    assert.deepEqual(
      keys.filter((key) => !TESTED_ELSEWHERE.test(key) && !isSet(key)),
      [],
    );
  });

  it('reads the namespace in one place', () => {
    const readers = globSync(['templates/**/*.{yaml,tpl}', 'files/alerts.yaml'], { cwd: chart }).filter((path) =>
      read(path).includes('.Release.Namespace'),
    );
    assert.deepEqual(readers, ['templates/_helpers.tpl']);
  });

  it('takes every image of others by the exact version of its tag', () => {
    const { annotations } = parse(read('Chart.yaml')) as { annotations: Record<string, string> };
    const images = parse(annotations['artifacthub.io/images'] ?? '') as { image: string }[];
    assert.ok(images.length > 1, 'there are none but the own one');
    for (const { image } of images) assert.match(image, /:v?\d+\.\d+\.\d+(-\w+)?$/);
  });

  it('has no link on its page that leads out of the package', () => {
    const links = [...read('README.md').matchAll(/\]\(([^)]+)\)/g)].map(([, target = '']) => target);
    assert.ok(links.length > 0);
    assert.deepEqual(
      links.filter((target) => target.startsWith('../')),
      [],
    );
  });

  it('has an icon in the tree, where Chart.yaml says that it is', () => {
    const { icon } = parse(read('Chart.yaml')) as { icon: string };
    const path = /\/raw\/main\/(.*)$/.exec(icon)?.[1] ?? 'none';
    assert.match(readFileSync(`${chart}../${path}`, 'utf8'), /^<svg xmlns=/);
  });

  it('carries its licence in the package', () => {
    assert.equal(read('LICENSE'), readFileSync(`${chart}../LICENSE`, 'utf8'));
    assert.ok(!read('.helmignore').includes('LICENSE'));
  });

  it('keeps generators and tests out of the package', () => {
    const ignored = read('.helmignore').split('\n');
    for (const folder of ['/src/', '/test/', '/tests/', '/ci/']) assert.ok(ignored.includes(folder), folder);
  });
});

describe('the changes of a version', () => {
  const log = `# Changelog
## [Unreleased]
### Added
- not yet
## [1.1.0] - 2026-01-02
### Fixed
- \`A\` no longer
  fails ([why](docs/why.md)).
- B.
### Notes
- for nobody
## [1.0.0] - 2026-01-01
### Added
- all of it

[1.0.0]: https://example.com
`;

  it('are those of its section, in one line each, as Artifact Hub names their kinds', () => {
    assert.deepEqual(changes(log, '1.1.0'), [
      { kind: 'fixed', description: 'A no longer fails (why).' },
      { kind: 'fixed', description: 'B.' },
    ]);
    assert.deepEqual(changes(log, '1.0.0'), [{ kind: 'added', description: 'all of it' }]);
  });

  it('are none before the changelog has the version', () => {
    assert.deepEqual(changes(log, '2.0.0'), []);
  });
});

describe('a generated block', () => {
  it('replaces what stands between its marks', () => {
    assert.equal(replaceBlock('a\n# BEGIN x\nold\n# END x\nb\n', 'x', 'new\n'), 'a\n# BEGIN x\nnew\n# END x\nb\n');
  });

  it('is missed where the marks are not there', () => {
    assert.throws(() => replaceBlock('a\n', 'x', ''), /"# BEGIN x" and "# END x" are missing/);
  });
});

function imageOf(version: string): Record<string, string> {
  return { version, appVersion: version, image: version };
}

/** `enabled` is the parent chart's alone. The others are in blocks that generators write, with tests of their own. */
const TESTED_ELSEWHERE = /^(enabled$|(config|prometheusRule\.(alerts|burnRate|slo)|alertRouting)\.)/;

/** Paths of the values in an object, and of the objects in it. */
function pathsIn(values: object): string[] {
  return Object.entries(values).flatMap(([key, value]: [string, unknown]) => {
    const below = typeof value === 'object' && value !== null && !Array.isArray(value) ? pathsIn(value) : [];
    return [key, ...below.map((path) => `${key}.${path}`)];
  });
}

function read(path: string): string {
  return readFileSync(`${chart}${path}`, 'utf8');
}
