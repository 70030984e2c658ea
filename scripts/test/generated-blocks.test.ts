import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fillBlocks, misplacedBlocks, staleBlocks } from '../generated-blocks.ts';

const page = (text: string): string => `# Page\n\nProse.\n\n${text}\n\nMore prose.\n`;
const filled = page('<!-- generated: options -->\n\n| a |\n\n<!-- /generated -->');
const empty = page('<!-- generated: options -->\n<!-- /generated -->');

describe('A generated block', () => {
  it('is written between its marks, and the prose around it stays', () => {
    assert.equal(fillBlocks(empty, { options: '| a |' }), filled);
    assert.equal(fillBlocks(filled, { options: '| a |' }), filled);
  });

  it('may hold what a replacement pattern would change', () => {
    assert.match(fillBlocks(empty, { options: "$& $1 $'" }), /^\$& \$1 \$'$/m);
  });

  it('is stale where the page has another text, and is named', () => {
    assert.deepEqual(staleBlocks(filled, { options: '| a |' }), []);
    assert.deepEqual(staleBlocks(filled, { options: '| b |' }), ['options']);
  });

  it('needs a place on the page', () => {
    assert.deepEqual(misplacedBlocks(filled, { options: '| a |' }), []);
    assert.match(misplacedBlocks(filled, { options: '', events: '' }).join(), /^the block "events" has no place/);
  });

  it('must be one that the code has', () => {
    assert.match(misplacedBlocks(filled, {}).join(), /^no block is named "options"; this page has none/);
    assert.match(misplacedBlocks(filled, { option: '' }).join(), /"options"; this page has option,/);
  });

  for (const [title, text] of [
    ['without an end', '<!-- generated: options -->'],
    ['without a beginning', '<!-- /generated -->'],
    ['that begins twice', '<!-- generated: options -->\n<!-- generated: options -->\n<!-- /generated -->'],
    ['without a name', '<!-- generated: -->\n<!-- /generated -->'],
  ] as const)
    it(`${title} is a fault`, () => {
      assert.match(misplacedBlocks(page(text), { options: '' }).join(), /stands alone/);
    });
});
