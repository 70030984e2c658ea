import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { brokenLinks, longLines, MAX_LINE, unknownTests } from '../prose.ts';

const long = 'x'.repeat(MAX_LINE + 1);

describe('A line of prose', () => {
  it('is too long from the first character over the maximum on', () => {
    assert.deepEqual(longLines(`# Page\n\n${long.slice(1)}\n${long}\n`), [4]);
  });

  for (const [title, page] of [
    ['a table', `| ${long} |`],
    ['code', `\`\`\`bash\n${long}\n\`\`\``],
    ['a generated block', `<!-- generated: x -->\n\n${long}\n\n<!-- /generated -->`],
    ['a URL', `https://example.com/${long}`],
  ] as const)
    it(`may be longer in ${title}, and the lines below keep their numbers`, () => {
      assert.deepEqual(longLines(page), []);
      assert.deepEqual(longLines(`${page}\n\n${long}`), [page.split('\n').length + 2]);
    });
});

describe('A link', () => {
  const broken = (page: string): string[] => brokenLinks(page, new URL('../../docs/page.md', import.meta.url));

  it('must lead to a file, and to a heading where it names one', () => {
    assert.deepEqual(broken('[a](../README.md) [b](../README.md#try-it) [c](../docs) ![d](console.png)'), []);
    assert.deepEqual(broken('[a](missing.md) [b](../README.md#missing)'), ['missing.md', '../README.md#missing']);
  });

  it('to another site is not followed, nor is one in code', () => {
    assert.deepEqual(broken('[a](https://example.com/missing)\n```\n[b](missing.md)\n```\n'), []);
  });
});

describe('A test that a page names', () => {
  const unknown = (page: string): string[] => unknownTests(page, new URL('../../docs/page.md', import.meta.url));
  const here = '[prose](../scripts/test/prose.test.ts)';
  // Its title is put together, so that this file holds it nowhere.
  const gone = ['was renamed', 'since'].join(' ');

  it('must be in the file of the link', () => {
    assert.deepEqual(unknown(`${here}: "must be in the file of the link"; ${here}: "${gone}"`), [gone]);
    assert.deepEqual(unknown('[x](missing.test.ts): "y"'), ['y']);
  });

  it('is looked for only behind the link to a test', () => {
    assert.deepEqual(unknown(`${here} says "${gone}", [prose](../scripts/prose.ts): "${gone}"`), []);
  });
});
