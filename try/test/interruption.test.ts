import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { freePort } from '../../testkit/free-port.ts';
import { SERVICE } from '../src/forward.ts';
import { copy, SUCCEEDS } from './support/copy.ts';

/** A kind whose cluster is the file `cluster`. While it makes one, Ctrl-C is pressed. */
const KIND = `#!/bin/sh
case "$1" in
  get) test ! -e cluster || echo websocket-try ;;
  create) touch cluster && kill -INT "$PPID" && exec sleep 600 ;;
  delete) rm cluster ;;
esac
`;

test('A trial that is interrupted while it is set up removes what it made', { timeout: 300_000 }, async (t) => {
  const folder = copy(t, { docker: SUCCEEDS, kubectl: SUCCEEDS, helm: SUCCEEDS, kind: KIND });
  const offset = (await freePort()) - SERVICE.port;
  const trial = spawn(process.execPath, ['try/src/main.ts', '--on', 'kind', '--port-offset', String(offset)], {
    cwd: folder,
    env: { ...process.env, PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}` },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([text(trial.stdout), text(trial.stderr), once(trial, 'close')]);
  assert.match(stdout, /start the cluster\n.*what was made is removed again\n.*delete a kind cluster/s);
  assert.match(stderr, /^try: It was interrupted; npm run try starts it again\n$/);
  assert.equal(trial.exitCode, 1);
  assert.equal(existsSync(join(folder, 'cluster')), false);
  assert.equal(existsSync(join(folder, '.cache', 'try')), false);
});
