import assert from 'node:assert/strict';
import { test } from 'node:test';
import { staleFiles } from '../../lib/generated-files.ts';
import { generatedFiles } from '../src/generate.ts';

test('the committed files are what the definitions give', () => {
  assert.deepEqual(staleFiles(generatedFiles()), [], 'run npx node alerts/src/generate.ts');
});
