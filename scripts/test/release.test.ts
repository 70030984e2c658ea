import assert from 'node:assert/strict';
import { execFileSync, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { REPOSITORY } from '../../lib/repository.ts';
import { baseImage } from '../base-image.ts';
import { ROOT, withFolder } from '../chart/tools.ts';
import { withImage, withListedImage } from '../release/chart-package.ts';
import { machineCodeUnder } from '../release/machine-code.ts';
import { Place, problemOf, registryPath } from '../release/registry.ts';
import { RELEASE_FILE, SUMS, SUMS_SIGNATURE, sumProblems, writeSums } from '../release/sums.ts';
import { notesProblem, releaseNotes, versionOf, versionProblems, withVersion } from '../release/version.ts';

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
      const last = versionOf(ROOT).replaceAll('.', '\\.');
      assert.match(
        changelog,
        new RegExp(
          `^\\[Unreleased\\]: (.*/compare/)v9\\.8\\.7\\.\\.\\.HEAD\n\\[9\\.8\\.7\\]: \\1v${last}\\.\\.\\.v9\\.8\\.7$`,
          'm',
        ),
      );
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

  test('are refused while changes are unreleased, or nothing is said of the version', () => {
    assert.equal(notesProblem(changelog, '0.2.0'), undefined);
    assert.match(notesProblem(changelog, '0.3.0') ?? '', /says nothing about 0\.3\.0; write it/);
    const unreleased = changelog.replace('## [Unreleased]\n', '## [Unreleased]\n\n- Three.\n');
    assert.match(notesProblem(unreleased, '0.2.0') ?? '', /under Unreleased, .* npm version minor/);
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

  for (const wrong of [
    'oci://ghcr.io/owner',
    'https://ghcr.io/owner',
    'ghcr.io',
    'ghcr.io/',
    'ghcr.io/Owner',
    'ghcr.io/owner:1',
    '',
  ])
    test(`is not "${wrong}"`, () => {
      assert.throws(() => registryPath(wrong), /is no HOST\/PATH of a registry/);
    });

  test('that refuses is answered with how to log in', () => {
    const answer = 'Error: GET https://ghcr.io/v2/: UNAUTHORIZED: authentication required';
    assert.match(problemOf('ghcr.io/owner/image:1', answer).message, /crane auth login ghcr\.io /);
  });
});

test('a registry that does not answer is reported with the command that tries it', () => {
  const { message } = problemOf(
    'localhost:5000/x/image:1',
    'Error: dial tcp 127.0.0.1:5000: connect: connection refused',
  );
  assert.match(message, /connection refused; once curl --head http:\/\/localhost:5000\/v2\/ answers/);
});

describe('the Dockerfile', () => {
  test('installs what the lock file names, and runs no script of a package', () => {
    const installs = readFileSync(join(ROOT, 'Dockerfile'), 'utf8').match(/\bnpm (?:ci|install|i|add|exec)\b.*/g) ?? [];
    assert.ok(installs.length > 0);
    for (const install of installs) assert.match(install, /^npm ci\b.* --ignore-scripts\b/);
  });

  test('has the base image of its last stage as the default of an argument', () => {
    assert.equal(baseImage(), 'gcr.io/distroless/nodejs24-debian12:nonroot');
    assert.equal(baseImage('ARG A=x:1\nFROM y AS z\nFROM --platform=p ${A}\n'), 'x:1');
    assert.equal(baseImage('FROM x:1 AS a\nFROM y:2 AS b\n'), 'y:2');
  });

  test('labels the image with where its sources are', () => {
    const labels = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
    for (const label of ['source', 'url']) assert.ok(labels.includes(`image.${label}="${REPOSITORY}"`), label);
  });
});

test('the lock file has the hash of every package', () => {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { readonly integrity?: string }>;
  };
  const { '': own, ...others } = packages;
  assert.ok(own !== undefined && Object.keys(others).length > 0);
  const without = Object.entries(others).filter(([, { integrity = '' }]) => !integrity.startsWith('sha512-'));
  assert.deepEqual(without, []);
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

describe('the files of a release', () => {
  for (const [what, change, problem] of [
    [
      'changed',
      (folder: string) => {
        writeFileSync(join(folder, 'notes.md'), 'Other.');
      },
      'notes.md has another SHA-256',
    ],
    [
      'missing',
      (folder: string) => {
        rmSync(join(folder, 'notes.md'));
      },
      'notes.md is missing',
    ],
    [
      'added',
      (folder: string) => {
        writeFileSync(join(folder, 'more'), '');
      },
      'more is not in SHA256SUMS',
    ],
    [
      'not listed at all',
      (folder: string) => {
        writeFileSync(join(folder, SUMS), '');
      },
      'release.json is not in SHA256SUMS',
    ],
  ] as const)
    test(`are what SHA256SUMS lists, and one that is ${what} is found`, () => {
      withFolder((folder) => {
        writeFileSync(join(folder, 'notes.md'), 'Notes.');
        writeFileSync(join(folder, RELEASE_FILE), '{}');
        writeSums(folder);
        writeFileSync(join(folder, SUMS_SIGNATURE), '{}');
        assert.deepEqual(sumProblems(folder), []);
        change(folder);
        assert.equal(sumProblems(folder)[0], problem);
      });
    });

  test('are summed as sha256sum reads it', () => {
    withFolder((folder) => {
      writeFileSync(join(folder, 'notes.md'), 'Notes.');
      writeSums(folder);
      execFileSync('sha256sum', ['--check', '--strict', SUMS], { cwd: folder, stdio: 'pipe' });
    });
  });
});

test('a tool that fails is one line of a release', () => {
  const failing =
    "import { runWell } from './scripts/chart/tools.ts'; import { withProblems } from './scripts/release/problem.ts';";
  const script = `${failing} await withProblems('release', () => { runWell('bash', ['-c', 'echo first >&2; echo it is full >&2; exit 3']); });`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module-typescript', '--eval', script], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  assert.equal(status, 1);
  assert.equal(stderr, 'release: bash -c failed: it is full\n');
});

describe('npm version', () => {
  test('changes every place that names the version, in one commit', () => {
    inClone((clone, npm) => {
      const { status, stderr } = npm('version', '9.8.7');
      assert.equal(status, 0, stderr);
      assert.deepEqual(versionProblems(clone), []);
      assert.equal(git(clone, 'status', '--porcelain'), '');
      assert.equal(git(clone, 'tag', '--points-at', 'HEAD').trim(), 'v9.8.7');
    });
  });

  test('changes nothing if the pages would not pass their check', () => {
    inClone((clone, npm) => {
      edit(clone, 'CHANGELOG.md', (text) => `${text}\n${'word '.repeat(30)}\n`);
      git(clone, 'commit', '--quiet', '--all', '--message', 'A long line');
      const { status, stderr } = npm('version', '9.8.7');
      assert.equal(status, 1);
      assert.match(stderr, /^CHANGELOG\.md:\d+: a line of prose has over 120 characters$/m);
      assert.equal(git(clone, 'status', '--porcelain'), '');
    });
  });
});

/** Calls with a repository of the files in the tree, and npm to run in it. */
function inClone(use: (clone: string, npm: (...args: string[]) => SpawnSyncReturns<string>) => void): void {
  withFolder((clone) => {
    for (const file of git(ROOT, 'ls-files', '-z', '--cached', '--others', '--exclude-standard')
      .split('\0')
      .filter((name) => existsSync(join(ROOT, name)))) {
      if (file !== '') cpSync(join(ROOT, file), join(clone, file));
    }
    symlinkSync(join(ROOT, 'node_modules'), join(clone, 'node_modules'));
    git(clone, 'init', '--quiet');
    appendFileSync(join(clone, '.git/info/exclude'), 'node_modules\n');
    git(clone, 'config', 'user.name', 'publisher');
    git(clone, 'config', 'user.email', 'publisher@example.com');
    git(clone, 'add', '--all');
    git(clone, 'commit', '--quiet', '--message', 'The tree');
    use(clone, (...args) => spawnSync('npm', args, { cwd: clone, encoding: 'utf8' }));
  });
}

function git(cwd: string, ...args: readonly string[]): string {
  return execFileSync('git', args, { cwd, encoding: 'utf8' });
}
