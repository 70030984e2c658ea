import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { parse } from 'yaml';
import { valuesTable } from '../src/docs.ts';

const ROOT = new URL('../../', import.meta.url);

it('the table of values has each key with a description, its default or the words for it', () => {
  assert.equal(
    valuesTable(
      '# Comment.\n\n# -- How many.\n# More of it.\ncount: 1\na:\n  # @schema {type: string}\n  # @default -- derived\n  # -- B | c.\n  b: null\n# -- Open.\nlabels: {}\n',
    ),
    [
      '| Key | Default | Description |',
      '|---|---|---|',
      '| `count` | `1` | How many. More of it. |',
      '| `a.b` | derived | B \\| c. |',
      '| `labels` | `{}` | Open. |',
    ].join('\n'),
  );
});

it('the comparison with other charts names values that this chart has', () => {
  const values: unknown = parse(readFileSync(new URL('chart/values.yaml', ROOT), 'utf8'));
  const page = readFileSync(new URL('docs/chart-comparison.md', ROOT), 'utf8');
  const now = [...page.matchAll(/^\| [^|]+ \| [^|]+ \| ([^|]*`[^|]*) \| /gm)].map(([, cell = '']) => cell);
  assert.ok(now.length > 25);
  for (const path of now.flatMap((cell) => cell.match(/(?<=`)[\w.]+(?=`)/g) ?? []))
    assert.ok(hasValue(values, path.split('.')), path);
});

/** Whether there is such a value; an empty object may have any. */
function hasValue(values: unknown, [key, ...rest]: readonly string[]): boolean {
  if (key === undefined) return true;
  const keys = Object.entries(values ?? {});
  return keys.length === 0 || keys.some(([name, value]) => name === key && hasValue(value, rest));
}
