/** Checks of Markdown pages that people write: how long their lines are, whether links lead anywhere, and tests are there. */
import { existsSync, readFileSync, statSync } from 'node:fs';

/** Maximum length of a line of prose, in characters. */
export const MAX_LINE = 120;

/** Numbers of the lines of prose that are too long. Tables, code, generated blocks and lines with a URL may be longer. */
export function longLines(page: string): number[] {
  return proseLines(page).flatMap((line, index) =>
    line.length > MAX_LINE && !line.startsWith('|') && !line.includes('://') ? [index + 1] : [],
  );
}

/** Targets of the links on a page that lead to no file, or to no heading of it. Links to other sites are not looked at. */
export function brokenLinks(page: string, url: URL): string[] {
  const targets = [...withoutCode(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return targets.filter((target) => !/^\w+:/.test(target) && !resolves(new URL(target, url)));
}

/** Titles of tests, named on a page as `[file](link): "title"`, that the file of the link does not have. */
export function unknownTests(page: string, url: URL): string[] {
  const named = [...withoutCode(page).matchAll(/\]\(([^)\s]+(?:\.test\.ts|_test\.yaml))\): "([^"\n]+)"/g)];
  return named.flatMap(([, target = '', title = '']) => {
    const file = new URL(target, url);
    return existsSync(file) && readFileSync(file, 'utf8').includes(title) ? [] : [title];
  });
}

function resolves(target: URL): boolean {
  const file = new URL(target);
  file.hash = '';
  if (!existsSync(file)) return false;
  if (target.hash === '' || statSync(file).isDirectory()) return target.hash === '';
  return anchors(readFileSync(file, 'utf8')).includes(target.hash.slice(1));
}

/** Anchors of a page's headings, as GitHub makes them. */
function anchors(page: string): string[] {
  return [...withoutCode(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** The page's lines, with those of code and of generated blocks left empty. */
function proseLines(page: string): string[] {
  const blank = (text: string): string => text.replaceAll(/[^\n]/g, '');
  return withoutCode(page)
    .replaceAll(/^<!-- generated: [^]*?^<!-- \/generated -->$/gm, blank)
    .split('\n');
}

function withoutCode(page: string): string {
  return page.replaceAll(/^```[^]*?^```$/gm, (text) => text.replaceAll(/[^\n]/g, ''));
}
