import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { objectsIn, render, scenarios, type KubeObject } from './scenarios.ts';
import { runWell, withFolder } from './tools.ts';

/** Checks each scenario's files of Prometheus, Alertmanager and Loki with the programs, and parses Grafana's. @returns what was checked */
export function checkStackConfig(): string {
  const checked = new Map<string, number>();
  const count = (name: string): void => void checked.set(name, (checked.get(name) ?? 0) + 1);
  for (const scenario of scenarios())
    for (const object of objectsIn(render(scenario))) {
      const files = object.data ?? object.stringData ?? {};
      for (const [name, text] of Object.entries(files)) {
        const program = CHECKS[name];
        if (program === undefined) continue;
        withFolder((folder) => {
          program(text, folder, files);
        });
        count(name);
      }
      if (object.kind === 'PrometheusRule') {
        checkRules(object);
        count('PrometheusRule');
      }
    }
  for (const name of [...Object.keys(CHECKS), 'PrometheusRule'])
    if (!checked.has(name)) throw new Error(`no scenario has a ${name} to check`);
  return [...checked].map(([name, times]) => `${name} ${times}`).join(', ');
}

type Check = (text: string, folder: string, files: Readonly<Record<string, string>>) => void;

const CHECKS: Readonly<Record<string, Check>> = {
  'prometheus.yml': (text, folder, files) => {
    const rules = save(folder, 'rules.yml', files['rules.yml'] ?? '');
    const path = save(folder, 'prometheus.yml', text.replace('/etc/prometheus/rules.yml', rules));
    // The token's file is the pod's; the syntax can be checked without it.
    runWell('promtool', ['check', 'config', '--syntax-only', path]);
    runWell('promtool', ['check', 'rules', rules]);
  },
  'alertmanager.yml': (text, folder) => {
    runWell('amtool', ['check-config', save(folder, 'alertmanager.yml', text)]);
  },
  'loki.yaml': (text, folder) => {
    runWell('loki', ['-verify-config', `-config.file=${save(folder, 'loki.yaml', text)}`]);
  },
  'datasources.yaml': (text) => {
    const { datasources } = parse(text) as { datasources: { uid: string; url: string }[] };
    for (const { uid, url } of datasources)
      if (!URL.canParse(url)) throw new Error(`data source ${uid} has the address ${url}`);
    if (datasources.length === 0) throw new Error('there is no data source');
  },
  'providers.yaml': (text) => {
    const { providers } = parse(text) as { providers: unknown[] };
    if (providers.length !== 1) throw new Error('there is not one provider of dashboards');
  },
};

function checkRules(object: KubeObject): void {
  const { spec } = object as KubeObject & { spec: unknown };
  withFolder((folder) => runWell('promtool', ['check', 'rules', save(folder, 'rules.json', JSON.stringify(spec))]));
}

function save(folder: string, name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}
