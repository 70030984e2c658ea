import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { renderMonitorDocs } from '../src/docs.ts';

test('docs/monitor.md is what the code says; npm run docs writes it', async () => {
  const page = await readFile(new URL('../../docs/monitor.md', import.meta.url), 'utf8');
  assert.equal(page, renderMonitorDocs());
});
