import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { CHART, runWell } from './tools.ts';

/** A set of values that the chart is checked with, from chart/ci/. */
export interface Scenario {
  readonly name: string;
  /** Its values file. */
  readonly path: string;
}

/** A Kubernetes object, as far as the checks look into it. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
}

/** Every scenario. */
export function scenarios(): readonly Scenario[] {
  return scenariosIn('ci');
}

/** The values of each platform, which docs/platforms.md shows. */
export function platforms(): readonly Scenario[] {
  return scenariosIn('platforms');
}

/** Renders a scenario as YAML, for namespace `chart-check`. */
export function render({ path }: Scenario, ...more: string[]): string {
  return runWell('helm', ['template', 'demo', CHART, '--namespace', 'chart-check', '--values', path, ...more]);
}

/** The objects in rendered YAML. */
export function objectsIn(yaml: string): readonly KubeObject[] {
  return parseAllDocuments(yaml)
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object) => object !== null);
}

function scenariosIn(name: string): readonly Scenario[] {
  const folder = join(CHART, name);
  return readdirSync(folder)
    .sort()
    .map((file) => ({ name: basename(file, '.yaml'), path: join(folder, file) }));
}
