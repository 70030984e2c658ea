import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { OPTIONS, type Option } from '../../service/src/config/options.ts';
import { optionSchema } from '../src/config-block.ts';
import { CHART_DEFAULTS, configOptions, NOT_EXPOSED, otherOptions, SET_BY_OTHER_VALUES } from '../src/options.ts';

const values = parse(readFileSync(new URL('../values.yaml', import.meta.url), 'utf8')) as Record<string, unknown>;
const podTemplate = readFileSync(new URL('../templates/_pod.tpl', import.meta.url), 'utf8');

describe("the service's options in the chart", () => {
  for (const key of Object.keys(OPTIONS) as (keyof typeof OPTIONS)[])
    it(`${key} is a value, is set by another one, or is left out for a reason`, () => {
      const ways = [
        configOptions().some(([each]) => each === key) && key in (values['config'] as object),
        SET_BY_OTHER_VALUES[key] !== undefined,
        (NOT_EXPOSED[key] ?? '') !== '',
      ];
      assert.equal(ways.filter(Boolean).length, 1);
    });

  it('takes every secret from a Secret, never from a value', () => {
    const plain = configOptions().filter(([, option]) => option.secret === true);
    assert.deepEqual(
      plain.map(([key]) => key),
      [],
    );
  });

  it('has no key under config that the service would not know', () => {
    assert.deepEqual(
      Object.keys(values['config'] as object),
      configOptions().map(([key]) => key),
    );
  });

  for (const [key, { name }] of otherOptions())
    it(`writes ${name} from the value ${SET_BY_OTHER_VALUES[key] ?? ''}`, () => {
      assert.match(
        podTemplate,
        new RegExp(`(- name: |")${name}("|\\n)`),
        'templates/_pod.tpl does not write the variable',
      );
      const path = (SET_BY_OTHER_VALUES[key] ?? '').split('.');
      assert.notEqual(
        path.reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], values),
        undefined,
        'the value is not there',
      );
    });

  for (const [key, option] of configOptions())
    it(`gives ${key} the service's default, unless told why not`, () => {
      const own = CHART_DEFAULTS[key];
      const value = (values['config'] as Record<string, unknown>)[key];
      assert.deepEqual(value, own === undefined ? option.parse(option.fallback) : own.value);
    });

  for (const [key, option] of configOptions())
    it(`refuses of ${key} in the schema what the service refuses`, () => {
      const { minimum, maximum, enum: choices } = optionSchema(option, false) as Bounds;
      if (minimum !== undefined) assertEdge(option, minimum, minimum - 0.001);
      if (maximum !== undefined) assertEdge(option, maximum, maximum + 1);
      for (const choice of choices ?? []) assert.equal(option.parse(choice), choice);
    });

  it('tells of a rule that it can not turn into a schema', () => {
    const option: Option<unknown> = { name: 'X', fallback: '', unit: '', rule: 'odd', doc: '', parse: (raw) => raw };
    assert.throws(() => optionSchema(option, false), /X: the rule "odd" has no JSON Schema/);
  });
});

interface Bounds {
  readonly minimum?: number;
  readonly maximum?: number;
  readonly enum?: readonly string[];
}

function assertEdge(option: Option<unknown>, inside: number, outside: number): void {
  assert.equal(option.parse(String(inside)), inside);
  assert.throws(() => option.parse(String(outside)), RangeError);
}
