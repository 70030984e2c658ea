import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { it } from 'node:test';
import { SCENARIOS } from '../src/scenarios.ts';

it('every file of loadtest/scenarios/ is a scenario of its name', () => {
  const files = readdirSync(new URL('../scenarios/', import.meta.url)).map((file) => file.replace(/\.ts$/, ''));
  assert.deepEqual(SCENARIOS.map(({ name }) => name).sort(), files.sort(), 'list it in loadtest/src/scenarios.ts');
});
