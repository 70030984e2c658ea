import assert from 'node:assert/strict';
import { it } from 'node:test';
import { valuesTable } from '../src/docs.ts';

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
