import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { objectsIn } from './scenarios.ts';
import { CHART, runWell, withFolder } from './tools.ts';

const ALIASES = ['chat', 'news'];
const NAME = 'websocket-message-counter';

/**
 * Renders a parent chart that has the chart twice, each by an alias and a condition, under a release that has one alias in its name.
 * @returns how many objects there are
 * @throws {Error} if two objects have one name, or an image does not come from the parent's registry
 */
export function expectTwoInOneRelease(): string {
  const yaml = withFolder((folder) => {
    mkdirSync(join(folder, 'charts'));
    cpSync(CHART, join(folder, 'charts', NAME), { recursive: true });
    const dependencies = ALIASES.map((alias) => ({ name: NAME, version: '*', alias, condition: `${alias}.enabled` }));
    writeFileSync(
      join(folder, 'Chart.yaml'),
      stringify({ apiVersion: 'v2', name: 'parent', version: '1.0.0', dependencies }),
    );
    const each = ALIASES.map((alias) => [alias, { enabled: true, stack: { enabled: true } }] as const);
    const values = { global: { imageRegistry: 'registry.example.com' }, ...Object.fromEntries(each) };
    writeFileSync(join(folder, 'values.yaml'), stringify(values));
    return runWell('helm', ['template', `${ALIASES[0] ?? ''}-demo`, folder]);
  });
  const names = objectsIn(yaml).map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  const twice = names.filter((name, index) => names.indexOf(name) !== index);
  if (twice.length > 0) throw new Error(`two objects have one name: ${twice.join(', ')}`);
  const foreign = [...yaml.matchAll(/^ +image: (.*)$/gm)].filter(
    ([, image]) => image?.startsWith('registry.example.com/') !== true,
  );
  if (foreign.length > 0)
    throw new Error(`not from the parent's registry: ${foreign.map(([, image]) => image).join(', ')}`);
  return `${names.length} objects`;
}
