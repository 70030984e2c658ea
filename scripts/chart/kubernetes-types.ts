#!/usr/bin/env node
/**
 * Writes chart/src/kubernetes-types.json: the types of Kubernetes' API that values pass on as they are, as JSON Schema. Taken
 * from the API's own description; needs Go, to fetch it. `--check` writes nothing and exits with 1 if something would change.
 */
import { generate, type GeneratedFiles } from '../../lib/generated-files.ts';
import { apiDefinitions, KUBERNETES_VERSIONS } from './kube-schemas.ts';

const COMMAND = 'npx node scripts/chart/kubernetes-types.ts';

/** The types that values have, by their names in the API. Those they consist of come with them. */
const ROOTS = [
  'io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerBehavior',
  'io.k8s.api.autoscaling.v2.MetricSpec',
  'io.k8s.api.core.v1.Affinity',
  'io.k8s.api.core.v1.Container',
  'io.k8s.api.core.v1.EnvFromSource',
  'io.k8s.api.core.v1.EnvVar',
  'io.k8s.api.core.v1.HostAlias',
  'io.k8s.api.core.v1.Lifecycle',
  'io.k8s.api.core.v1.LocalObjectReference',
  'io.k8s.api.core.v1.PodDNSConfig',
  'io.k8s.api.core.v1.PodSecurityContext',
  'io.k8s.api.core.v1.Probe',
  'io.k8s.api.core.v1.ResourceRequirements',
  'io.k8s.api.core.v1.SecurityContext',
  'io.k8s.api.core.v1.ServiceSpec',
  'io.k8s.api.core.v1.Toleration',
  'io.k8s.api.core.v1.TopologySpreadConstraint',
  'io.k8s.api.core.v1.Volume',
  'io.k8s.api.core.v1.VolumeMount',
  'io.k8s.api.networking.v1.IngressTLS',
  'io.k8s.api.networking.v1.NetworkPolicyEgressRule',
  'io.k8s.api.networking.v1.NetworkPolicyPeer',
];

type Schema = Record<string, unknown>;

/** The file, by its path from the project's root. */
export function kubernetesTypes(): GeneratedFiles {
  const all = apiDefinitions(KUBERNETES_VERSIONS.at(-1) ?? '');
  const needed = new Map<string, Schema>();
  const collect = (name: string): void => {
    if (needed.has(shortName(name))) return;
    const schema = simplified(all[name] ?? {});
    needed.set(shortName(name), schema);
    for (const [, other] of JSON.stringify(all[name]).matchAll(/"#\/definitions\/([^"]+)"/g)) collect(other ?? '');
  };
  ROOTS.forEach(collect);
  const sorted = Object.fromEntries([...needed].sort(([a], [b]) => (a < b ? -1 : 1)));
  return new Map([['chart/src/kubernetes-types.json', `${JSON.stringify(sorted, null, 2)}\n`]]);
}

function shortName(name: string): string {
  return name.split('.').at(-1) ?? name;
}

/**
 * Types and required fields alone. `null` is what the API takes for a field that is not there. Fields that are unknown pass: a
 * later Kubernetes may have them.
 */
function simplified(schema: Schema): Schema {
  if (typeof schema['$ref'] === 'string')
    return { $ref: `#/definitions/${shortName(schema['$ref'].slice('#/definitions/'.length))}` };
  if (schema['format'] === 'int-or-string') return { type: ['integer', 'string', 'null'] };
  if (/^Quantity is a fixed-point/.test(String(schema['description'])))
    return {
      type: ['number', 'string', 'null'],
      pattern: '^[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$',
    };
  const { required, properties, items, additionalProperties } = schema as {
    required?: string[];
    properties?: Record<string, Schema>;
    items?: Schema;
    additionalProperties?: Schema;
  };
  return {
    ...(typeof schema['type'] === 'string' && { type: [schema['type'], 'null'] }),
    ...(required !== undefined && { required }),
    ...(properties !== undefined && {
      properties: Object.fromEntries(Object.entries(properties).map(([key, each]) => [key, simplified(each)])),
    }),
    ...(items !== undefined && { items: simplified(items) }),
    ...(additionalProperties !== undefined && { additionalProperties: simplified(additionalProperties) }),
  };
}

if (import.meta.main) generate(kubernetesTypes(), COMMAND);
