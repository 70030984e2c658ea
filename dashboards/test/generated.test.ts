import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { staleFiles } from '../../lib/generated-files.ts';
import { generatedFiles } from '../src/generate.ts';

test('the committed files are what the definitions give', () => {
  assert.deepEqual(staleFiles(generatedFiles()), [], 'run npx node dashboards/src/generate.ts');
});

for (const name of ['websocket-overview.json', 'websocket-logs.json'])
  test(`the chart has the same ${name}`, () => {
    const read = (folder: string): string => readFileSync(new URL(`../../${folder}/${name}`, import.meta.url), 'utf8');
    assert.equal(read('chart/files/dashboards'), read('dashboards'));
  });
