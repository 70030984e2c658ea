import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import packageJson from '../../package.json' with { type: 'json' };

const FOLDER = new URL('../../.github/workflows/', import.meta.url).pathname;
const FILES = globSync('*.yaml', { cwd: FOLDER });

for (const file of FILES)
  describe(`The workflow ${file}`, () => {
    const text = readFileSync(FOLDER + file, 'utf8');

    test('takes each action by its digest, and names its version', () => {
      const used = [...text.matchAll(/uses: (.*)/g)].map(([, use = '']) => use);
      assert.ok(used.length > 0);
      assert.deepEqual(
        used.filter((use) => !/^[\w-]+\/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(use)),
        [],
      );
    });

    test('calls scripts that package.json has', () => {
      const called = [...text.matchAll(/npm run ([\w:]+)/g)].map(([, name = '']) => name);
      assert.deepEqual(
        called.filter((name) => !(name in packageJson.scripts)),
        [],
      );
    });

    test('has no permission that its jobs do not name, but to read the sources', () => {
      const { permissions } = parse(text) as { permissions: Record<string, string> };
      assert.deepEqual({ contents: 'read', ...permissions }, { contents: 'read' });
    });
  });

test('The end-to-end suite runs on the oldest Kubernetes that the chart takes', () => {
  const { kubeVersion } = parse(readFileSync(new URL('../../chart/Chart.yaml', import.meta.url), 'utf8')) as {
    kubeVersion: string;
  };
  const oldest = /^>=(\d+\.\d+)\.0-0$/.exec(kubeVersion)?.[1] ?? 'none';
  assert.ok(readFileSync(`${FOLDER}e2e.yaml`, 'utf8').includes(`kindest/node:v${oldest}.`), oldest);
});
