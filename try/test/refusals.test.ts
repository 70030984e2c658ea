import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { freePort } from '../../testkit/free-port.ts';
import { SERVICE } from '../src/forward.ts';
import { copy, SUCCEEDS } from './support/copy.ts';

/** A kubectl whose current context is a kind cluster that refuses what its caller is. */
const KUBECTL = `#!/bin/sh
case "$*" in
  *current-context*) echo kind-demo ;;
  *readyz*) echo "error: You must be logged in to the server (Unauthorized)" >&2; exit 1 ;;
esac
`;

describe('A trial on the current context is refused in one sentence, and makes nothing,', () => {
  const cases: readonly (readonly [string, Record<string, string>, NodeJS.ProcessEnv, RegExp])[] = [
    [
      'if the credentials are not taken',
      { kubectl: KUBECTL },
      {},
      /refuses your credentials \(.*Unauthorized\)\): log in/,
    ],
    [
      'if Helm is too old',
      { helm: '#!/bin/sh\necho v2.17.0\n' },
      {},
      /helm is v2\.17\.0, and the chart takes Helm 3 or/,
    ],
    [
      'if the kubeconfig is not there',
      {},
      { KUBECONFIG: '/absent' },
      /KUBECONFIG names \/absent, which does not exist; mend that/,
    ],
    [
      'if the kubeconfig can not be read',
      { kubectl: '#!/bin/sh\necho "error: yaml: line 1" >&2\nexit 1\n' },
      {},
      /kubectl says "error: yaml: line 1"; mend that/,
    ],
  ];
  for (const [what, programs, env, says] of cases)
    test(what, { timeout: 300_000 }, async (t) => {
      const folder = copy(t, { docker: SUCCEEDS, kubectl: KUBECTL, helm: SUCCEEDS, ...programs });
      const offset = (await freePort()) - SERVICE.port;
      const args = ['try/src/main.ts', '--on', 'context', '--port-offset', String(offset)];
      const { status, stderr } = spawnSync(process.execPath, args, {
        cwd: folder,
        env: {
          ...process.env,
          KUBECONFIG: undefined,
          ...env,
          PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`,
        },
        encoding: 'utf8',
      });
      assert.equal(status, 1, stderr);
      assert.match(stderr, says);
      assert.equal(stderr.trim().split('\n').length, 1, stderr);
      assert.equal(existsSync(join(folder, '.cache', 'try')), false);
    });
});
