import { readFileSync } from 'node:fs';
import { isMap, isNode, parseDocument, type YAMLMap } from 'yaml';
import { code, markdownTable } from '../../lib/markdown-table.ts';
import { commentOf, defaultIn, descriptionIn, keyName } from './values-comments.ts';

/** Generated blocks of chart/README.md. */
export function chartBlocks(): Readonly<Record<string, string>> {
  return { values: valuesTable(readFileSync(new URL('../values.yaml', import.meta.url), 'utf8')) };
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
