import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';

const APP = new URL('../src/app.ts', import.meta.url).href;
const LOKI_CLIENT = new URL('../src/loki/client.ts', import.meta.url).href;

describe('What the service loads at its start', () => {
  it('is not undici, which an import of node:http would bring', () => {
    const loaded = (program: string): string =>
      execFileSync(
        process.execPath,
        ['--input-type=module', '--eval', `${program}; console.log(process.moduleLoadList.join('\\n'))`],
        {
          encoding: 'utf8',
        },
      );
    assert.doesNotMatch(loaded(`await import('${APP}'); await import('${LOKI_CLIENT}')`), /undici/);
    assert.match(loaded("await import('node:http')"), /undici/, 'it would not: node-http.ts has no reason any more');
  });
});
