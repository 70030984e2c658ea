import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import ts from 'typescript';
import { ROOT } from '../chart/tools.ts';

const HANDLER = join(ROOT, 'service/src/handler.ts');

test('the handler of docs/make-it-yours.md builds, pasted as it is', () => {
  const page = readFileSync(join(ROOT, 'docs/make-it-yours.md'), 'utf8');
  const [, block = ''] = /^```ts\n([^]*?)^```$/m.exec(page) ?? [];
  assert.match(block, /export const handle/);
  assert.deepEqual(problemsWith(block), []);
});

/** What the compiler says of the service with another handler.ts. */
function problemsWith(handler: string): readonly string[] {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: { compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT);
  const host = ts.createCompilerHost(options);
  const readFile = host.readFile.bind(host);
  host.readFile = (path) => (path === HANDLER ? handler : readFile(path));
  const program = ts.createProgram([join(ROOT, 'service/src/app.ts')], options, host);
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}
