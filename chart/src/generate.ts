#!/usr/bin/env node
/**
 * Writes the parts of the chart that have their source elsewhere:
 *
 *  - Chart.yaml's versions, from package.json, and its `publication` block (chart-yaml.ts)
 *  - LICENSE, the project's
 *  - values.yaml's `config` block and files/options.yaml, from the service's options
 *  - values.yaml's `alerts` and `routing` blocks and files/alertmanager*, from the definitions in alerts/ (which writes files/alerts.yaml itself)
 *  - values.schema.json, from values.yaml
 *  - files/dashboards/, from dashboards/*.json, and files/runbooks/, from alerts/runbooks/*.md
 *
 * `--check` writes nothing and exits with 1 if something would change. `npm run docs` fills README.md.
 */
import { readdirSync, readFileSync } from 'node:fs';
import {
  alertmanagerConfig,
  notificationTemplates,
  plainAlertmanager,
  ROUTING,
} from '../../alerts/src/alertmanager.ts';
import { routingFragment, valuesFragment } from '../../alerts/src/values.ts';
import { generate, type GeneratedFiles } from '../../lib/generated-files.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { publicationBlock } from './chart-yaml.ts';
import { configBlock, optionsFile } from './config-block.ts';
import { valuesSchema } from './schema.ts';

/** Where the stack's Alertmanager has its files: see templates/stack/alertmanager/deployment.yaml. */
const ALERTMANAGER_PATHS = {
  secrets: '/etc/alertmanager/receivers',
  templates: '/etc/alertmanager/config/alertmanager.tmpl',
};

const root = new URL('../../', import.meta.url);

/** Contents that generated files should have, by path from the project's root; `undefined` should not be there. */
export function generatedFiles(): GeneratedFiles {
  const indented = (text: string): string => text.replaceAll(/^(?=.)/gm, '  ');
  const values = Object.entries({
    config: configBlock(),
    alerts: indented(valuesFragment()),
    routing: indented(routingFragment()),
  }).reduce((text, [name, block]) => replaceBlock(text, name, block), read('chart/values.yaml'));
  return new Map([
    ['chart/Chart.yaml', chartFile(values)],
    ['chart/LICENSE', read('LICENSE')],
    ['chart/values.yaml', values],
    ['chart/values.schema.json', `${JSON.stringify(valuesSchema(values), null, 2)}\n`],
    ['chart/files/options.yaml', optionsFile()],
    ['chart/files/alertmanager.yaml', plainAlertmanager(ROUTING, ALERTMANAGER_PATHS)],
    ['chart/files/alertmanager.tmpl', notificationTemplates()],
    ['chart/files/alertmanagerconfig.yaml', alertmanagerConfig(ROUTING)],
    ...copies('dashboards', 'chart/files/dashboards', '.json'),
    ...copies('alerts/runbooks', 'chart/files/runbooks', '.md'),
  ]);
}

/**
 * Replaces what stands between `# BEGIN name` and `# END name`.
 * @throws {Error} if the marks are not there
 */
export function replaceBlock(text: string, name: string, block: string): string {
  const begin = `# BEGIN ${name}\n`;
  const end = `# END ${name}\n`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from === -1 || to < from) throw new Error(`the lines "# BEGIN ${name}" and "# END ${name}" are missing`);
  return `${text.slice(0, from + begin.length)}${block}${text.slice(to)}`;
}

function chartFile(values: string): string {
  const { version } = packageJson;
  const block = publicationBlock(values, read('CHANGELOG.md'), version);
  return replaceBlock(withVersion(read('chart/Chart.yaml'), version), 'publication', block);
}

function withVersion(chart: string, version: string): string {
  return chart
    .replace(/^version: .*$/m, `version: ${version}`)
    .replace(/^appVersion: .*$/m, `appVersion: "${version}"`);
}

/** Files of a folder as the chart has them, and those that it has no longer. */
function copies(from: string, to: string, extension: string): [string, string | undefined][] {
  const made = namesIn(from, extension);
  const gone = namesIn(to, extension).filter((name) => !made.includes(name));
  return [
    ...made.map((name): [string, string] => [`${to}/${name}`, read(`${from}/${name}`)]),
    ...gone.map((name): [string, undefined] => [`${to}/${name}`, undefined]),
  ];
}

function namesIn(folder: string, extension: string): string[] {
  try {
    return readdirSync(new URL(folder, root)).filter((name) => name.endsWith(extension));
  } catch {
    return [];
  }
}

function read(path: string): string {
  return readFileSync(new URL(path, root), 'utf8');
}

if (import.meta.main) generate(generatedFiles(), 'npx node chart/src/generate.ts');
