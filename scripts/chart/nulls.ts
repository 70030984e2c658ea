import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMap, parseDocument, type YAMLMap } from 'yaml';
import { isEmpty } from '../../chart/src/schema.ts';
import { keyName } from '../../chart/src/values-comments.ts';
import { render, scenarios, type Scenario } from './scenarios.ts';
import { CHART, withFolder } from './tools.ts';

type Nulls = { [key: string]: null | Nulls };

/**
 * Renders every scenario with `null` for each key that is empty by default, which must change nothing.
 * @returns how many keys
 * @throws {Error} with the first line that differs
 */
export function expectNullsAreEmpty(): string {
  const { contents } = parseDocument(readFileSync(join(CHART, 'values.yaml'), 'utf8'));
  const nulls = isMap(contents) ? emptyKeys(contents) : {};
  withFolder((folder) => {
    const path = join(folder, 'nulls.yaml');
    writeFileSync(path, JSON.stringify(nulls));
    for (const scenario of scenarios()) expectSame(scenario, { name: scenario.name, path });
  });
  return `${JSON.stringify(nulls).split(':null').length - 1} keys`;
}

function expectSame(scenario: Scenario, nulls: Scenario): void {
  const usual = render(scenario).split('\n');
  const lines = render(nulls, '--values', scenario.path).split('\n');
  const at = lines.findIndex((line, index) => line !== usual[index]);
  if (at !== -1 || lines.length !== usual.length)
    throw new Error(
      `${scenario.name}: with null for keys that are empty: ${lines[at] ?? ''}; without: ${usual[at] ?? ''}`,
    );
}

function emptyKeys(map: YAMLMap): Nulls {
  const entries = map.items.flatMap((pair): [string, null | Nulls][] => {
    if (isEmpty(pair.value)) return [[keyName(pair), null]];
    const below = isMap(pair.value) ? emptyKeys(pair.value) : {};
    return Object.keys(below).length > 0 ? [[keyName(pair), below]] : [];
  });
  return Object.fromEntries(entries);
}
