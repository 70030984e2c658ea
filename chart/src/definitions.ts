import kubernetesTypes from './kubernetes-types.json' with { type: 'json' };
import type { Schema } from './schema-type.ts';

const NAME = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${NAME}(\\.${NAME})*`;
const QUALIFIED = `(${SUBDOMAIN}/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?`;
const REGISTRY =
  '([A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)+(:[0-9]+)?|[A-Za-z0-9-]+:[0-9]+|localhost|\\[[0-9A-Fa-f:]+\\](:[0-9]+)?)';
const COMPONENT = '[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*';
const TAG = '[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}';

/** Rules that several keys share, by the names they have in an `@schema` line: `{$ref: Labels}`. */
const OWN: Readonly<Record<string, Schema>> = {
  /** Name of a Kubernetes object, or none (DNS subdomain, RFC 1123). */
  ObjectName: { type: ['string', 'null'], maxLength: 253, pattern: `^(${SUBDOMAIN})?$` },
  /** Part of the names of Services (DNS label, RFC 1035), or none. */
  NamePart: { type: ['string', 'null'], maxLength: 48, pattern: '^([a-z]([-a-z0-9]*[a-z0-9])?)?$' },
  /** A host name of an Ingress or HTTPRoute, with a wildcard or not. */
  HostName: { type: 'string', maxLength: 253, pattern: `^(\\*\\.)?${SUBDOMAIN}$` },
  /** A host of an Ingress with paths of its own. */
  IngressHost: {
    type: 'object',
    required: ['host'],
    additionalProperties: false,
    properties: {
      host: { $ref: 'HostName' },
      paths: {
        type: ['array', 'null'],
        items: {
          type: 'object',
          required: ['path'],
          additionalProperties: false,
          properties: {
            path: { type: 'string', pattern: '^/' },
            pathType: { enum: ['Prefix', 'Exact', 'ImplementationSpecific'] },
          },
        },
      },
    },
  },
  Labels: {
    type: ['object', 'null'],
    propertyNames: { pattern: `^${QUALIFIED}$` },
    additionalProperties: { type: 'string', maxLength: 63, pattern: '^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$' },
  },
  Annotations: {
    type: ['object', 'null'],
    propertyNames: { pattern: `^${QUALIFIED}$` },
    additionalProperties: { type: 'string' },
  },
  /** A key of a Secret, or none. */
  SecretKey: {
    type: ['object', 'null'],
    additionalProperties: false,
    properties: { name: { $ref: 'ObjectName' }, key: { type: ['string', 'null'], pattern: '^[-._a-zA-Z0-9]*$' } },
  },
  /** An environment variable: what the API says, and a name that every Kubernetes takes. */
  Variable: {
    allOf: [
      { $ref: 'EnvVar' },
      { type: 'object', properties: { name: { type: 'string', pattern: '^[-._a-zA-Z][-._a-zA-Z0-9]*$' } } },
    ],
  },
  /** Number of pods, or a percentage of them. */
  IntOrPercent: { type: ['integer', 'string'], minimum: 0, pattern: '^[0-9]+%$' },
  /** Repository of an image (github.com/distribution/reference): capitals in its registry alone. */
  Repository: { type: 'string', pattern: `^(${REGISTRY}/)?${COMPONENT}(/${COMPONENT})*$` },
  /** Tag of an image, with a digest or not. */
  Tag: { type: 'string', pattern: `^${TAG}(@sha256:[0-9a-f]{64})?$` },
  /** The same, or none. */
  TagOrNone: { type: ['string', 'null'], pattern: `^(${TAG}(@sha256:[0-9a-f]{64})?)?$` },
  /** A relabeling of the Prometheus Operator (monitoring.coreos.com/v1, RelabelConfig). */
  Relabeling: {
    type: 'object',
    properties: {
      ...Object.fromEntries(
        ['separator', 'targetLabel', 'regex', 'replacement', 'action'].map((key) => [
          key,
          { type: ['string', 'null'] },
        ]),
      ),
      sourceLabels: { type: ['array', 'null'], items: { type: 'string' } },
      modulus: { type: ['integer', 'null'] },
    },
  },
  /** A Gateway that an HTTPRoute attaches to (gateway.networking.k8s.io/v1, ParentReference). */
  ParentReference: {
    type: 'object',
    required: ['name'],
    properties: {
      ...Object.fromEntries(['group', 'kind', 'sectionName'].map((key) => [key, { type: ['string', 'null'] }])),
      name: { type: 'string', pattern: `^${SUBDOMAIN}$` },
      namespace: { $ref: 'ObjectName' },
      port: { type: ['integer', 'null'], minimum: 1, maximum: 65535 },
    },
  },
};

const ALL: Readonly<Record<string, Schema>> = { ...(kubernetesTypes as Readonly<Record<string, Schema>>), ...OWN };
const PREFIX = '#/definitions/';

/** Whether a definition takes `null`. */
export function isNullable(name: unknown): boolean {
  const definition = ALL[String(name)];
  return [definition?.type ?? []].flat().includes('null');
}

/**
 * A schema in which `{$ref: Name}` became a reference that Helm can follow, with the definitions it needs, directly or not.
 * @throws {Error} naming a definition that is not there
 */
export function withDefinitions(schema: Schema): Schema {
  const needed = new Map<string, Schema>();
  const linked = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(linked);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [key, key === '$ref' ? reference(String(each)) : linked(each)]),
    );
  };
  const reference = (text: string): string => {
    const name = text.replace(PREFIX, '');
    const definition = ALL[name];
    if (definition === undefined) throw new Error(`values.yaml: no definition ${name} in chart/src/definitions.ts`);
    if (!needed.has(name)) {
      needed.set(name, {});
      needed.set(name, linked(definition) as Schema);
    }
    return `${PREFIX}${name}`;
  };
  const result = linked(schema) as Schema;
  if (needed.size === 0) return result;
  return { ...result, definitions: Object.fromEntries([...needed].sort(([a], [b]) => (a < b ? -1 : 1))) };
}
