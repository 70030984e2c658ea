import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse, stringify } from 'yaml';
import type { AlertingRule } from '../src/groups.ts';
import { alertingRules, ALERTS, type RuleFile } from '../../testkit/rules.ts';
import { findTool, run, withFolder } from '../../testkit/tools.ts';

const promtool = findTool('promtool');
const folder = ALERTS.pathname;

interface TestFile {
  readonly tests: readonly {
    readonly name: string;
    readonly alert_rule_test: readonly {
      readonly eval_time: string;
      readonly exp_alerts: readonly { readonly exp_labels: Readonly<Record<string, string>> }[];
    }[];
  }[];
}

describe('the rule files', { skip: promtool.skip }, () => {
  for (const name of ['rules.yaml', 'optional-rules.yaml'])
    test(`${name} is what Prometheus reads, with no lint`, () => {
      const { status, output } = run(promtool, [
        'check',
        'rules',
        '--lint=all',
        '--lint-fatal',
        join(folder, 'generated', name),
      ]);
      assert.equal(status, 0, output);
    });
});

describe('promtool tests', { skip: promtool.skip }, () => {
  for (const name of readdirSync(join(folder, 'tests')))
    test(`${name} passes`, () => {
      const { status, output } = run(promtool, ['test', 'rules', join(folder, 'tests', name)]);
      assert.equal(status, 0, output);
    });
});

describe('the promtool test of', () => {
  for (const rule of alertingRules()) {
    const { alert } = rule;
    test(`${titleOf(rule)} sees it silent, firing, and silent again`, () => {
      const seen = testsOf(alert).some(({ alert_rule_test: moments }) => {
        const fires = moments.map(({ exp_alerts: expected }) => expected.some(({ exp_labels: of }) => isOf(rule, of)));
        const first = fires.indexOf(true);
        return first > 0 && fires.lastIndexOf(true) < fires.length - 1;
      });
      assert.ok(seen, 'no case with a moment before it fires, one when it does, and one after it has ended');
    });
  }
  for (const alert of new Set(alertingRules().map((rule) => rule.alert))) {
    test(`${alert} has a case in which it must not fire`, () => {
      const silent = testsOf(alert).some(({ alert_rule_test: moments }) =>
        moments.every(({ exp_alerts: expected }) => expected.length === 0),
      );
      assert.ok(silent);
    });
  }
});

/** A test that passes whatever the rule's `for` is proves nothing about it: so it is taken away, and each test has to notice. */
describe('that it fires before its time is noticed by the test of', { skip: promtool.skip }, () => {
  for (const rule of alertingRules().filter((each) => each.for !== '0m'))
    test(titleOf(rule), () => {
      assertNoticed(rule, { for: '0m' });
    });
});

function assertNoticed(rule: AlertingRule, change: Partial<AlertingRule>): void {
  withFolder((copy) => {
    cpSync(join(folder, 'generated'), join(copy, 'generated'), { recursive: true });
    mkdirSync(join(copy, 'tests'));
    writeFileSync(join(copy, 'tests', 'test.yaml'), stringify(testFileOf(rule)));
    for (const name of ['rules.yaml', 'optional-rules.yaml']) {
      const file = join(copy, 'generated', name);
      const { groups } = parse(readFileSync(file, 'utf8')) as RuleFile;
      const own = groups.filter(({ rules }) => rules.some((each) => 'alert' in each && each.alert === rule.alert));
      const spoilt = own.map((group) => ({
        ...group,
        rules: group.rules.map((each) =>
          'alert' in each && each.alert === rule.alert && isOf(rule, each.labels) ? { ...each, ...change } : each,
        ),
      }));
      writeFileSync(file, stringify({ groups: spoilt }, { lineWidth: 0 }));
    }
    const { status, output } = run(promtool, ['test', 'rules', join(copy, 'tests', 'test.yaml')]);
    assert.notEqual(status, 0, `the test passes all the same: ${output}`);
  });
}

function testsOf(alert: string): TestFile['tests'] {
  return readTestFile(alert).tests;
}

/** The test file of an alert with the cases in which this rule of it fires. */
function testFileOf(rule: AlertingRule): TestFile {
  const file = readTestFile(rule.alert);
  const tests = file.tests.filter((each) =>
    each.alert_rule_test.some((moment) => moment.exp_alerts.some(({ exp_labels: labels }) => isOf(rule, labels))),
  );
  return { ...file, tests };
}

function readTestFile(alert: string): TestFile {
  return parse(readFileSync(join(folder, 'tests', `${alert}.yaml`), 'utf8')) as TestFile;
}

/** Whether an alert with these labels comes from this rule. */
function isOf(rule: AlertingRule, labels: Readonly<Record<string, string>>): boolean {
  return ['severity', 'long', 'short'].every((label) => rule.labels[label] === labels[label]);
}

function titleOf({ alert, labels }: AlertingRule): string {
  return [alert, labels['severity'], labels['long']].filter((part) => part !== undefined).join(' ');
}
