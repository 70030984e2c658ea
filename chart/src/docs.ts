import { globSync, readFileSync } from 'node:fs';
import { isMap, isNode, parseDocument, type YAMLMap } from 'yaml';
import { code, markdownTable } from '../../lib/markdown-table.ts';
import { commentOf, defaultIn, descriptionIn, keyName } from './values-comments.ts';

/** Generated blocks of chart/README.md. */
export function chartBlocks(): Readonly<Record<string, string>> {
  return { values: valuesTable(readFileSync(new URL('../values.yaml', import.meta.url), 'utf8')) };
}

/** Generated blocks of docs/platforms.md. */
export function platformValues(): Readonly<Record<string, string>> {
  const folder = new URL('../platforms/', import.meta.url);
  const files = globSync('*.yaml', { cwd: folder }).sort();
  return { platforms: files.map((file) => platform(file, readFileSync(new URL(file, folder), 'utf8'))).join('\n\n') };
}

/** A section from a values file: its first comment is the heading, the second one the text. */
export function platform(file: string, text: string): string {
  const [, heading = '', about = '', values = ''] = /^# (.+)\n#\n((?:# .+\n)+)([\s\S]*)$/.exec(text) ?? [];
  if (heading === '')
    throw new Error(`chart/platforms/${file} must begin with a heading, an empty line and a text, as comments`);
  const prose = about.replaceAll(/^# /gm, '').trim();
  return `## ${heading}\n\n${prose}\n\n\`chart/platforms/${file}\`:\n\n\`\`\`yaml\n${values.trim()}\n\`\`\``;
}

/** The keys of a values file that have a description, in the file's order. */
export function valuesTable(valuesYaml: string): string {
  const { contents } = parseDocument(valuesYaml);
  return markdownTable(['Key', 'Default', 'Description'], isMap(contents) ? rowsOf(contents, '') : []);
}

function rowsOf(map: YAMLMap, path: string): string[][] {
  return map.items.flatMap((pair, index) => {
    const key = `${path}${keyName(pair)}`;
    const comment = commentOf(map, index);
    const description = descriptionIn(comment);
    if (description === '') return isMap(pair.value) ? rowsOf(pair.value, `${key}.`) : [];
    const value: unknown = isNode(pair.value) ? pair.value.toJSON() : pair.value;
    const given = value === null ? '' : code(JSON.stringify(value));
    return [[code(key), defaultIn(comment) ?? given, description]];
  });
}
