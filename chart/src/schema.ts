import { isMap, isScalar, isSeq, parse, parseDocument, type Pair, type YAMLMap } from 'yaml';
import { isNullable, withDefinitions } from './definitions.ts';
import type { Schema } from './schema-type.ts';
import { commentOf, descriptionIn, keyName, ruleTextIn } from './values-comments.ts';

/**
 * Makes the schema of a values file. The rule of a key is its `# @schema {...}` line and, for what that leaves open, the
 * type of its default; its description is the comment that begins with `# --`. Keys that are not there are refused, except
 * under a key whose rule says what it holds. `null`, by which Helm takes a default away, is the same as empty where that is the
 * default or where the API of Kubernetes has the key; elsewhere it is refused as a property that is missing.
 * @throws {Error} listing the keys that have no description, and those whose default does not tell their type and that have no rule
 */
export function valuesSchema(valuesYaml: string): Schema {
  const document = parseDocument(valuesYaml);
  const problems: string[] = [];
  if (!isMap(document.contents)) throw new Error('values.yaml must be a mapping');
  const schema = mapSchema(document.contents, '', problems);
  if (problems.length > 0) throw new Error(`values.yaml: ${problems.join('; ')}`);
  return withDefinitions({
    $schema: 'http://json-schema.org/draft-07/schema#',
    $comment: 'Generated from values.yaml by chart/src/generate.ts.',
    ...schema,
  });
}

function mapSchema(map: YAMLMap, path: string, problems: string[]): Schema {
  const properties: Record<string, Schema> = {};
  map.items.forEach((pair, index) => {
    const name = keyName(pair);
    properties[name] = keySchema(pair, commentOf(map, index), path === '' ? name : `${path}.${name}`, problems);
  });
  const required = map.items.filter((pair) => isNeeded(pair, properties[keyName(pair)] ?? {})).map(keyName);
  return { type: 'object', additionalProperties: false, ...(required.length > 0 && { required }), properties };
}

function keySchema({ value }: Pair, comment: string, path: string, problems: string[]): Schema {
  const rule = ruleIn(comment, path);
  const description = descriptionIn(comment);
  const isBranch = isMap(value) && rule === undefined;
  if (description === '' && !isBranch) problems.push(`${path} has no comment that begins with "# --"`);
  const about = description === '' ? {} : { description };
  if (isBranch) {
    if (value.items.length === 0) problems.push(`${path} is an empty map and needs an @schema line`);
    return { ...about, ...mapSchema(value, path, problems) };
  }
  const isTyped = ['enum', 'type', '$ref'].some((keyword) => rule?.[keyword] !== undefined);
  const type = isTyped ? {} : { type: typeOf(value) };
  if (type.type === 'null') problems.push(`${path} is empty and needs an @schema line with its type`);
  if (type.type === 'array' && rule?.['items'] === undefined)
    problems.push(`${path} is a list and needs an @schema line`);
  const schema = withWrittenNumbers({ ...about, ...type, ...rule });
  return isEmpty(value) ? withNull(schema) : schema;
}

function isNeeded({ value }: Pair, schema: Schema): boolean {
  const isReferredScalar = schema.$ref !== undefined && isScalar(value) && !isEmpty(value);
  return isReferredScalar || !admitsNull(schema);
}

function admitsNull({ type, enum: choices, $ref }: Schema): boolean {
  return (
    [type ?? []].flat().includes('null') ||
    (choices as unknown[] | undefined)?.includes(null) === true ||
    isNullable($ref)
  );
}

/** Whether a value of a YAML document is empty: an empty map, list or text. */
export function isEmpty(value: unknown): boolean {
  return isMap(value) || isSeq(value) ? value.items.length === 0 : isScalar(value) && value.value === '';
}

function withNull(schema: Schema): Schema {
  if (admitsNull(schema) || schema.$ref !== undefined) return schema;
  if (schema.type === undefined) return { ...schema, enum: [...(schema['enum'] as unknown[]), null] };
  return { ...schema, type: [...[schema.type].flat(), 'null'] };
}

/** `--set` hands a number with a point over as text (Helm's strvals), so that must be let in where such a number is. */
function withWrittenNumbers(schema: Schema): Schema {
  const types = [schema.type ?? []].flat();
  if (!types.includes('number')) return schema;
  const isShare = typeof schema['maximum'] === 'number' && schema['maximum'] <= 1;
  const pattern = isShare ? '^(0|1|0?\\.[0-9]+)$' : '^[0-9]{1,6}(\\.[0-9]+)?$';
  return { ...schema, type: [...types, 'string'], pattern };
}

function typeOf(value: unknown): string {
  if (isMap(value)) return 'object';
  if (isSeq(value)) return 'array';
  const plain = isScalar(value) ? value.value : value;
  if (plain === null) return 'null';
  if (typeof plain === 'number') return Number.isInteger(plain) ? 'integer' : 'number';
  return typeof plain;
}

function ruleIn(comment: string, path: string): Schema | undefined {
  const text = ruleTextIn(comment);
  if (text === undefined) return undefined;
  try {
    return parse(text) as Schema;
  } catch (error) {
    throw new Error(`values.yaml: the @schema line of ${path} is not YAML: ${String(error)}`, { cause: error });
  }
}
