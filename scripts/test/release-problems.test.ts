import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { ROOT, withFolder } from '../chart/tools.ts';
import { releasedVersion } from '../release/registry.ts';

describe('A release that can not go on says so in one line', () => {
  for (const [what, work, says] of [
    [
      'after Ctrl-C while a tool runs',
      "() => { runWell('bash', ['-c', 'kill -INT $PPID; exit 130']); }",
      /^release: it was interrupted, .* is removed; run it again\n$/,
    ],
    [
      'after Ctrl-C between two tools',
      "async (checkpoint) => { await interrupt(); await checkpoint(); console.error('goes on'); }",
      /^release: it was interrupted, .* is removed; run it again\n$/,
    ],
    [
      'if the disk is full',
      "() => { throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }); }",
      /^release: a file can't be written \(ENOSPC: .*\); free some space, or name a folder that has it: TMPDIR=FOLDER\n$/,
    ],
  ] as const)
    test(what, () => {
      const { status, stderr } = withScript(`await withProblems('release', ${work});`);
      assert.equal(status, 1);
      assert.match(stderr, says);
    });

  for (const [what, answer, says] of [
    ['if the password is wrong', 'decrypt: decryption failed', /is COSIGN_PASSWORD its password\?$/m],
    ['if the file is no key', 'invalid pem block', /name the private key that cosign generate-key-pair made$/m],
  ] as const)
    test(what, () => {
      const { stderr } = withScript("await withProblems('release', () => { checkKey('package.json'); });", {
        cosign: `#!/bin/sh\necho "${answer}" >&2\nexit 1\n`,
      });
      assert.match(stderr, says);
    });

  test('if what answers is no registry', () => {
    const { stderr } = withScript("await withProblems('release', () => { readIndex('example.com/x/image:1'); });", {
      crane: '#!/bin/sh\ntest "$1" = digest && echo sha256:1 || echo "<html>"\n',
    });
    assert.equal(stderr, 'release: example.com answers with no manifest of example.com/x/image:1: is it a registry?\n');
  });
});

test('a version is verified by the name that it was published with', () => {
  assert.equal(releasedVersion('0.1.0'), '0.1.0');
  assert.equal(releasedVersion('1.0.0-rc.1'), '1.0.0-rc.1');
  for (const wrong of ['v0.1.0', 'latest', '0.1', '0.1.0 x', ''])
    assert.throws(() => releasedVersion(wrong), /looks like 0\.1\.0, without v/, wrong);
});

/** Runs a script with these programs in front of the machine's own. */
function withScript(script: string, programs: Record<string, string> = {}): { status: number | null; stderr: string } {
  const imports = [
    "import { runWell } from './scripts/chart/tools.ts';",
    "import { readIndex } from './scripts/release/image.ts';",
    "import { withProblems } from './scripts/release/problem.ts';",
    "import { checkKey } from './scripts/release/signing.ts';",
    "import { once } from 'node:events';",
    // Nothing else would keep the process until its signal has come.
    "const interrupt = async () => { const waits = setInterval(() => {}, 1000); process.kill(process.pid, 'SIGINT'); await once(process, 'SIGINT'); clearInterval(waits); };",
    'void [runWell, readIndex, checkKey, interrupt];',
  ];
  return withFolder((folder) => {
    // The test bed's programs come first on PATH.
    mkdirSync(join(folder, 'bin'));
    for (const [name, program] of Object.entries(programs))
      writeFileSync(join(folder, 'bin', name), program, { mode: 0o755 });
    return spawnSync(process.execPath, ['--input-type=module-typescript', '--eval', `${imports.join(' ')} ${script}`], {
      cwd: ROOT,
      env: { ...process.env, TESTBED: folder, COSIGN_PASSWORD: '' },
      encoding: 'utf8',
    });
  });
}
