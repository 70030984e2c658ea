import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { ROOT, withFolder } from '../chart/tools.ts';
import { withImage, withListedImage } from '../release/chart-package.ts';
import { machineCodeUnder } from '../release/machine-code.ts';
import { Place, problemOf } from '../release/registry.ts';
import { releaseNotes, versionOf, versionProblems, withVersion } from '../release/version.ts';

const FILES = ['package.json', 'package-lock.json', 'chart/Chart.yaml', 'Dockerfile', 'CHANGELOG.md'];

describe('the version', () => {
  test('is the same in every place of the tree', () => {
    assert.deepEqual(versionProblems(ROOT), []);
  });

  test('is missed in each place that has another one', () => {
    inCopy((root) => {
      edit(root, 'package.json', (text) => text.replace(/"version": "[^"]+"/, '"version": "9.8.7"'));
      const files = versionProblems(root).map((problem) => / in (\S+) is /.exec(problem)?.[1]);
      assert.deepEqual(files, [
        'chart/Chart.yaml',
        'chart/Chart.yaml',
        'Dockerfile',
        'package-lock.json',
        'CHANGELOG.md',
      ]);
    });
  });

  test('is set everywhere by npm version, and what was unreleased is released', () => {
    inCopy((root) => {
      const before = releaseNotes(readFileSync(join(root, 'CHANGELOG.md'), 'utf8'), versionOf(root));
      for (const file of ['package.json', 'package-lock.json'])
        edit(root, file, (text) => text.replace(/"version": "[^"]+"/, '"version": "9.8.7"'));
      edit(root, 'CHANGELOG.md', (text) => text.replace('## [Unreleased]\n', '## [Unreleased]\n\n- A change.\n'));
      for (const [file, text] of withVersion(root, '9.8.7', '2027-01-31')) writeFileSync(join(root, file), text);
      assert.deepEqual(versionProblems(root), []);
      const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8');
      assert.match(changelog, /## \[Unreleased\]\n\n## \[9\.8\.7\] - 2027-01-31\n\n- A change\.\n/);
      assert.match(releaseNotes(changelog, '9.8.7') ?? '', /^- A change\./);
      assert.equal(releaseNotes(changelog, versionOf(ROOT)), before);
    });
  });
});

describe('release notes', () => {
  const changelog =
    '# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2027-01-31\n\n### Added\n\n- Two.\n\n## [0.1.0] - 2026-11-25\n\n- One.\n\n[0.1.0]: https://example.com\n';

  test('are what the changelog says of one version', () => {
    assert.equal(releaseNotes(changelog, '0.2.0'), '### Added\n\n- Two.');
    assert.equal(releaseNotes(changelog, '0.1.0'), '- One.');
  });

  test('are missing where it says nothing', () => {
    assert.equal(releaseNotes(changelog, '0.1'), undefined);
    assert.equal(releaseNotes('# Changelog\n\n## [0.1.0] - 2026-11-25\n\n## [0.0.9]\n', '0.1.0'), undefined);
  });
});

describe('a place in a registry', () => {
  test('holds image and chart under different names, which Helm would mix up', () => {
    const { image, chart, helmFlags } = new Place('ghcr.io/owner', '0.1.0');
    assert.deepEqual(
      [image, chart, helmFlags],
      ['ghcr.io/owner/websocket-message-counter', 'ghcr.io/owner/charts/websocket-message-counter', []],
    );
  });

  test('on this machine is spoken to by HTTP', () => {
    assert.deepEqual(new Place('localhost:5000/x', '0.1.0').helmFlags, ['--plain-http']);
    assert.deepEqual(new Place('localhost.example.com/x', '0.1.0').helmFlags, []);
  });

  for (const wrong of ['oci://ghcr.io/owner', 'ghcr.io', 'ghcr.io/', 'ghcr.io/Owner', 'ghcr.io/owner:1', ''])
    test(`is not "${wrong}"`, () => {
      assert.throws(() => new Place(wrong, '0.1.0'), /is no HOST\/PATH of a registry/);
    });

  test('that refuses is answered with how to log in', () => {
    const answer = 'Error: GET https://ghcr.io/v2/: UNAUTHORIZED: authentication required';
    assert.match(problemOf('ghcr.io/owner/image:1', answer).message, /crane auth login ghcr\.io /);
  });
});

describe('machine code', () => {
  test('is found by how a file begins or what it is called', () => {
    withFolder((folder) => {
      mkdirSync(join(folder, '.hidden/deep'), { recursive: true });
      writeFileSync(join(folder, 'module.js'), 'export {};');
      writeFileSync(join(folder, 'empty'), '');
      writeFileSync(join(folder, 'addon.node'), '');
      writeFileSync(join(folder, '.hidden/deep/program'), Buffer.from('7f454c4602', 'hex'));
      writeFileSync(join(folder, 'mac'), Buffer.from('cffaedfe07', 'hex'));
      assert.deepEqual(machineCodeUnder(folder), ['.hidden/deep/program', 'addon.node', 'mac']);
    });
  });
});

test('a packaged chart has the image it was published with, and every comment of the values', () => {
  const values = readFileSync(join(ROOT, 'chart/values.yaml'), 'utf8');
  const image = { repository: 'ghcr.io/owner/image', digest: `sha256:${'a'.repeat(64)}` };
  const packaged = withImage(values, image);
  const { image: before, ...others } = parse(values) as { image: object };
  assert.deepEqual(parse(packaged), { image: { ...before, ...image }, ...others });
  const comments = (text: string): readonly string[] => (text.match(/^ *#.*$/gm) ?? []).map((line) => line.trim());
  assert.deepEqual(comments(packaged), comments(values));
});

test('a packaged chart lists that image for Artifact Hub', () => {
  const image = { repository: 'ghcr.io/owner/image', digest: `sha256:${'a'.repeat(64)}` };
  const { annotations } = parse(withListedImage(readFileSync(join(ROOT, 'chart/Chart.yaml'), 'utf8'), image)) as {
    annotations: Readonly<Record<string, string>>;
  };
  const listed = parse(annotations['artifacthub.io/images'] ?? '') as { name: string; image: string }[];
  assert.deepEqual(listed[0], {
    name: 'websocket-message-counter',
    image: `${image.repository}@${image.digest}`,
  });
});

function inCopy(use: (root: string) => void): void {
  withFolder((root) => {
    for (const file of FILES) cpSync(join(ROOT, file), join(root, file));
    use(root);
  });
}

function edit(root: string, file: string, change: (text: string) => string): void {
  writeFileSync(join(root, file), change(readFileSync(join(root, file), 'utf8')));
}
