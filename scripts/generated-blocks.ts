/** Markdown by the name of its block: what stands between `<!-- generated: NAME -->` and `<!-- /generated -->`, each on a line. */
export type Blocks = Readonly<Record<string, string>>;

const BLOCK = /^<!-- generated: (\S+) -->\n([^]*?)^<!-- \/generated -->$/gm;
const MARK = /^<!-- \/?generated.*$/m;

/** The page with its blocks filled in. Marks without a block, and everything else, stay as they are. */
export function fillBlocks(page: string, blocks: Blocks): string {
  return page.replaceAll(BLOCK, (all, name: string) => {
    const text = blocks[name];
    return text === undefined ? all : `<!-- generated: ${name} -->\n\n${text}\n\n<!-- /generated -->`;
  });
}

/** What is wrong with the blocks of a page, one sentence each: no such block, no place for it, a mark without the other one. */
export function misplacedBlocks(page: string, blocks: Blocks): string[] {
  const placed = [...page.matchAll(BLOCK)];
  const names = placed.map(([, name = '']) => name);
  const rest = [page.replaceAll(BLOCK, ''), ...placed.map(([, , text = '']) => text)];
  const lone = rest.flatMap((text) => MARK.exec(text) ?? []);
  const known = Object.keys(blocks);
  return [
    ...lone.map(
      (mark) => `the mark ${mark} stands alone: a block is <!-- generated: NAME -->, then <!-- /generated -->`,
    ),
    ...names
      .filter((name) => blocks[name] === undefined)
      .map((name) => `no block is named "${name}"; this page has ${known.length === 0 ? 'none' : known.join(', ')}`),
    ...known
      .filter((name) => !names.includes(name))
      .map(
        (name) =>
          `the block "${name}" has no place: write <!-- generated: ${name} --> and <!-- /generated --> where it belongs`,
      ),
  ];
}

/** Names of the blocks that differ from what stands on the page. */
export function staleBlocks(page: string, blocks: Blocks): string[] {
  return [...page.matchAll(BLOCK)].flatMap(([all, name = '']) => (fillBlocks(all, blocks) === all ? [] : [name]));
}
