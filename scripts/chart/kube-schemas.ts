import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { cached, runWell } from './tools.ts';

/** Versions of Kubernetes whose API the chart is checked against: the oldest that Chart.yaml supports, and a recent one. */
export const KUBERNETES_VERSIONS = ['1.27.16', '1.34.4'] as const;

/** Custom resources that the chart writes: module, version, folder of their definitions, kinds. */
const CUSTOM_RESOURCES = [
  {
    module: 'github.com/prometheus-operator/prometheus-operator',
    version: 'v0.85.0',
    folder: 'example/prometheus-operator-crd',
  },
  { module: 'sigs.k8s.io/gateway-api', version: 'v1.2.1', folder: 'config/crd/standard' },
  { module: 'github.com/kedacore/keda/v2', version: 'v2.20.2', folder: 'config/crd/bases' },
  { module: 'github.com/argoproj/argo-rollouts', version: 'v1.9.0', folder: 'manifests/crds' },
] as const;

/** Custom resources of the examples, which need not be in a cluster. */
const EXAMPLE_RESOURCES = [
  { module: 'github.com/external-secrets/external-secrets', version: 'v1.3.2', folder: 'config/crds/bases' },
] as const;

type Schema = Record<string, unknown>;

/**
 * A folder of JSON Schemas of every kind of a version of Kubernetes, made from the API's own description in its Go module, and
 * of the custom resources. Unknown fields are refused: a server would drop them silently.
 */
export function kubeSchemas(version: string): string {
  const customs = createHash('sha256').update(JSON.stringify(CUSTOM_RESOURCES)).digest('hex').slice(0, 8);
  return cached(`kube-schemas-${version}-${customs}`, (folder) => {
    const definitions = apiDefinitions(version);
    for (const [name, definition] of Object.entries(definitions))
      for (const kind of kindsOf(definition)) write(folder, kind, withDefinitions(name, definitions));
    for (const custom of CUSTOM_RESOURCES) writeCustom(folder, customFolder(custom));
  });
}

/** The same for the custom resources of the examples. */
export function exampleSchemas(): string {
  return cached(`example-schemas-${EXAMPLE_RESOURCES[0].version}`, (folder) => {
    for (const custom of EXAMPLE_RESOURCES) writeCustom(folder, customFolder(custom));
  });
}

/** The API of a version of Kubernetes as it describes itself, by the types' names. */
export function apiDefinitions(version: string): Readonly<Record<string, Schema>> {
  const path = join(goModule('k8s.io/kubernetes', `v${version}`), 'api/openapi-spec/swagger.json');
  const { definitions } = JSON.parse(readFileSync(path, 'utf8')) as { definitions: Record<string, Schema> };
  return definitions;
}

/** Files with the definitions of the custom resources, for a cluster. */
export function customResourceFiles(): readonly string[] {
  return CUSTOM_RESOURCES.map(customFolder).flatMap((folder) =>
    yamlFiles(folder).filter((path) => readFileSync(path, 'utf8').includes('kind: CustomResourceDefinition')),
  );
}

/** The `--schema-location` of such a folder for kubeconform. */
export function schemaLocation(folder: string): string {
  return `${folder}/{{.ResourceKind}}{{.KindSuffix}}.json`;
}

type CustomResources = (typeof CUSTOM_RESOURCES | typeof EXAMPLE_RESOURCES)[number];

interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

function kindsOf(definition: Schema): readonly Kind[] {
  return (definition['x-kubernetes-group-version-kind'] ?? []) as Kind[];
}

function customFolder({ module, version, folder }: CustomResources): string {
  return join(goModule(module, version), folder);
}

/** kubeconform's suffix of a kind is the group up to its first dot, if it has one, and the version. */
function write(folder: string, { group, version, kind }: Kind, schema: Schema): void {
  const parts = [kind.toLowerCase(), ...(group === '' ? [] : [group.split('.')[0]]), version];
  writeFileSync(join(folder, `${parts.join('-')}.json`), JSON.stringify(schema));
}

/** A definition with those it refers to, directly or not. */
function withDefinitions(name: string, all: Readonly<Record<string, Schema>>): Schema {
  const needed = new Map<string, Schema>();
  const collect = (each: string): void => {
    if (needed.has(each)) return;
    const schema = strict(all[each] ?? {});
    needed.set(each, schema);
    for (const [, other] of JSON.stringify(schema).matchAll(/"#\/definitions\/([^"]+)"/g)) collect(other ?? '');
  };
  collect(name);
  return { $ref: `#/definitions/${name}`, definitions: Object.fromEntries(needed) };
}

function writeCustom(folder: string, from: string): void {
  for (const file of yamlFiles(from))
    for (const document of parseAllDocuments(readFileSync(file, 'utf8'))) {
      const object = document.toJS() as CustomResourceDefinition | null;
      if (object?.kind !== 'CustomResourceDefinition') continue;
      const { group, names, versions } = object.spec;
      for (const { name, schema } of versions)
        write(folder, { group, version: name, kind: names.kind }, strict(schema.openAPIV3Schema));
    }
}

function yamlFiles(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => join(folder, name));
}

interface CustomResourceDefinition {
  readonly kind: string;
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
}

/** Refuses fields that are not there, and lets in what the API takes besides: numbers as quantities, ports by name. */
function strict(value: unknown): Schema {
  return rewrite(value) as Schema;
}

function rewrite(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rewrite);
  if (typeof value !== 'object' || value === null) return value;
  const schema = Object.fromEntries(Object.entries(value).map(([key, each]) => [key, rewrite(each)]));
  const isQuantity = /^Quantity is a fixed-point/.test(String(schema['description']));
  if (schema['format'] === 'int-or-string' || schema['x-kubernetes-int-or-string'] === true || isQuantity)
    return { type: ['string', 'number'] };
  const isObject = schema['type'] === 'object' && typeof schema['properties'] === 'object';
  const isOpen =
    schema['additionalProperties'] !== undefined || schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (isObject && !isOpen) schema['additionalProperties'] = false;
  if (schema['nullable'] === true && typeof schema['type'] === 'string') schema['type'] = [schema['type'], 'null'];
  return schema;
}

/** Fetches a module of Go's proxy. @returns its folder */
function goModule(module: string, version: string): string {
  // From a folder of no module, so that no other's go.mod has a say.
  const text = runWell('bash', ['-c', 'cd / && go mod download -json "$0"', `${module}@${version}`]);
  return (JSON.parse(text) as { Dir: string }).Dir;
}
