import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { valuesSchema } from '../src/schema.ts';

describe('the schema of a values file', () => {
  it('takes types from defaults and descriptions from comments', () => {
    const { properties } = valuesSchema(
      '# -- How many.\n# More of it.\n# @default -- one\ncount: 1\n# -- X.\nname: ""\n# -- X.\non: true\n',
    );
    assert.deepEqual(properties, {
      count: { description: 'How many. More of it.', type: 'integer' },
      name: { description: 'X.', type: ['string', 'null'] },
      on: { description: 'X.', type: 'boolean' },
    });
  });

  it('refuses keys that are not there, at every depth', () => {
    const schema = valuesSchema('a:\n  # -- First.\n  b: 1\n');
    assert.equal(schema.additionalProperties, false);
    assert.deepEqual(schema.properties?.['a'], {
      type: 'object',
      additionalProperties: false,
      required: ['b'],
      properties: { b: { description: 'First.', type: 'integer' } },
    });
  });

  it('lets a rule win over the default', () => {
    const { properties } = valuesSchema('# @schema {type: [integer, "null"], minimum: 1}\n# -- X.\nport: null\n');
    assert.deepEqual(properties?.['port'], { description: 'X.', type: ['integer', 'null'], minimum: 1 });
  });

  it('leaves a map open whose rule says what it holds', () => {
    const { properties } = valuesSchema('# @schema {additionalProperties: {type: string}}\n# -- X.\nlabels:\n  a: b\n');
    assert.deepEqual(properties?.['labels'], {
      description: 'X.',
      type: 'object',
      additionalProperties: { type: 'string' },
    });
  });

  it('takes a number with a point as text too, as `--set` hands it over', () => {
    const { properties } = valuesSchema('# @schema {type: number, minimum: 0}\n# -- X.\nseconds: 1\n');
    assert.deepEqual(properties?.['seconds'], {
      description: 'X.',
      type: ['number', 'string'],
      minimum: 0,
      pattern: '^[0-9]{1,6}(\\.[0-9]+)?$',
    });
  });

  it('takes null where empty is the default or the rule takes it, and needs every other key', () => {
    const { required } = valuesSchema(
      '# -- X.\ncount: 1\n# -- X.\nname: ""\n# @schema {enum: ["", a]}\n# -- X.\nkind: ""\n# @schema {$ref: ResourceRequirements}\n# -- X.\nresources:\n  limits: {}\n# @schema {$ref: Quantity}\n# -- X.\nsize: 1Gi\n',
    );
    assert.deepEqual(required, ['count', 'size']);
  });

  it('brings the definitions that its keys refer to, and those that they refer to', () => {
    const { properties, definitions } = valuesSchema('# @schema {items: {$ref: Variable}}\n# -- X.\nenv: []\n');
    assert.deepEqual(properties?.['env']?.['items'], { $ref: '#/definitions/Variable' });
    assert.ok(['Variable', 'EnvVar', 'SecretKeySelector'].every((name) => name in (definitions as object)));
  });

  it('refuses a definition that is not there', () => {
    assert.throws(() => valuesSchema('# @schema {$ref: Labls}\n# -- X.\nlabels: {}\n'), /no definition Labls/);
  });

  it('tells every key whose default does not tell its type', () => {
    assert.throws(
      () => valuesSchema('# -- A.\na: null\n# -- B.\nb: []\nc: {}\n'),
      /a is empty and needs.*; b is a list and needs.*; c is an empty map and needs/,
    );
  });

  it('tells every key without a description', () => {
    assert.throws(() => valuesSchema('# -- A.\na:\n  b: 1\nc: 2\n'), /a\.b has no comment.*; c has no comment/);
  });

  it('tells the key whose rule is not YAML', () => {
    assert.throws(() => valuesSchema('a:\n  # @schema {type: [\n  b: 1\n'), /the @schema line of a\.b is not YAML/);
  });
});
