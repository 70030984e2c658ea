import { isMap, isScalar, isSeq, parse, parseDocument, type Pair, type YAMLMap } from 'yaml';
import { commentOf, descriptionIn, keyName, ruleTextIn } from './values-comments.ts';

/** As much of JSON Schema as values.yaml needs (json-schema.org, draft 7: what Helm 3 reads). */
export interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly [keyword: string]: unknown;
}

/**
 * Makes the schema of a values file. The rule of a key is its `# @schema {...}` line and, for what that leaves open, the
 * type of its default; its description is the comment that begins with `# --`. Keys that are not there are refused, except
 * under a key whose rule says what it holds.
 * @throws {Error} listing the keys that have no description, and those whose default does not tell their type and that have no rule
 */
export function valuesSchema(valuesYaml: string): Schema {
  const document = parseDocument(valuesYaml);
  const problems: string[] = [];
  if (!isMap(document.contents)) throw new Error('values.yaml must be a mapping');
  const schema = mapSchema(document.contents, '', problems);
  if (problems.length > 0) throw new Error(`values.yaml: ${problems.join('; ')}`);
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $comment: 'Generated from values.yaml by chart/src/generate.ts.',
    ...schema,
  };
}

function mapSchema(map: YAMLMap, path: string, problems: string[]): Schema {
  const properties: Record<string, Schema> = {};
  map.items.forEach((pair, index) => {
    const name = keyName(pair);
    properties[name] = keySchema(pair, commentOf(map, index), path === '' ? name : `${path}.${name}`, problems);
  });
  return { type: 'object', additionalProperties: false, properties };
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
  const type = rule?.['enum'] === undefined && rule?.type === undefined ? { type: typeOf(value) } : {};
  if (type.type === 'null') problems.push(`${path} is empty and needs an @schema line with its type`);
  if (type.type === 'array' && rule?.['items'] === undefined)
    problems.push(`${path} is a list and needs an @schema line`);
  return withWrittenNumbers({ ...about, ...type, ...rule });
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
