import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import type { AlertingRule } from '../src/groups.ts';
import { alertingRules, ALERTS, withAlerts, type RuleFile } from '../../testkit/rules.ts';
import { findTool, run, withFolder } from '../../testkit/find-tool.ts';

const promtool = findTool('promtool');
const folder = ALERTS.pathname;
const TESTS = join(folder, 'tests');
const TEST_FILES = readdirSync(TESTS).filter((name) => name.endsWith('.yaml'));
const RULE_FILES = ['rules.yaml', 'optional-rules.yaml'];
const GROUPS = RULE_FILES.flatMap(
  (name) => (parse(readFileSync(join(folder, 'generated', name), 'utf8')) as RuleFile).groups,
);
/** Rules that wait before they fire. */
const EARLY = alertingRules().filter((rule) => rule.for !== '0m');

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
  for (const name of RULE_FILES)
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
  for (const file of TEST_FILES)
    test(`${file} passes`, () => {
      const { failures, output } = resultOf(file);
      assert.equal(failures, 0, output);
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
  for (const rule of EARLY)
    test(titleOf(rule), () => {
      const { failures, output } = resultOf(earlyFileOf(rule));
      assert.notEqual(failures, 0, `the test passes all the same: ${output}`);
    });
});

interface Result {
  readonly failures: number;
  readonly output: string;
}

/** How a test file ended. All are run in one go by the first that asks. */
function resultOf(file: string): Result {
  results ??= runAll();
  const failures = results.get(file);
  assert.ok(failures !== undefined, `promtool did not run ${file}: ${output}`);
  return { failures, output };
}

let results: ReadonlyMap<string, number> | undefined;
let output = '';

/** Runs the tests of every alert, as they are and against a rule without its `for`; gives the failures of each file. */
function runAll(): ReadonlyMap<string, number> {
  return withFolder((copy) => {
    for (const file of TEST_FILES) {
      const alert = basename(file, '.yaml');
      plant(copy, file, readTestFile(alert), (each) => (each.alert === alert ? each : undefined));
    }
    for (const early of EARLY)
      plant(copy, earlyFileOf(early), earlyTestFileOf(early), (each) =>
        each.alert === early.alert && isOf(early, each.labels) ? { ...each, for: '0m' } : undefined,
      );
    const report = join(copy, 'report.xml');
    const files = readdirSync(copy).filter((file) => file.endsWith('.yaml'));
    ({ output } = run(promtool, ['test', 'rules', `--junit=${report}`, ...files.map((file) => join(copy, file))]));
    const suites = readFileSync(report, 'utf8').matchAll(/<testsuite name="([^"]+)" tests="\d+" failures="(\d+)"/g);
    return new Map([...suites].map(([, path = '', failures]) => [basename(path), Number(failures)]));
  });
}

/** Writes a test file, and beside it the rules it needs: the alerts that `pick` gives, and what they read. */
function plant(to: string, name: string, file: TestFile, pick: (rule: AlertingRule) => AlertingRule | undefined): void {
  const groups = withAlerts(GROUPS, (rule) => withoutRunbook(pick(rule)));
  writeFileSync(join(to, `${name}.rules`), JSON.stringify({ groups }));
  writeFileSync(join(to, name), JSON.stringify({ ...file, rule_files: [`${name}.rules`] }));
}

/** What is made of the runbook: the tests need not repeat it. */
function withoutRunbook(rule: AlertingRule | undefined): AlertingRule[] {
  if (rule === undefined) return [];
  const annotations = Object.fromEntries(
    Object.entries(rule.annotations).filter(([key]) => !['first_steps', 'logs_url'].includes(key)),
  );
  return [{ ...rule, annotations }];
}

function earlyFileOf(rule: AlertingRule): string {
  return `${titleOf(rule).replaceAll(' ', '-')}-early.yaml`;
}

function testsOf(alert: string): TestFile['tests'] {
  return readTestFile(alert).tests;
}

/** The cases in which this rule fires, each with the moments before it does, and what other rules do left out. */
function earlyTestFileOf(rule: AlertingRule): TestFile {
  const file = readTestFile(rule.alert);
  const tests = file.tests.flatMap((each) => {
    const fires = each.alert_rule_test.findIndex(({ exp_alerts: expected }) =>
      expected.some(({ exp_labels: labels }) => isOf(rule, labels)),
    );
    const before = each.alert_rule_test.slice(0, Math.max(fires, 0));
    return before.length === 0
      ? []
      : [{ ...each, alert_rule_test: before.map((moment) => ({ ...moment, exp_alerts: [] })) }];
  });
  return { ...file, tests };
}

function readTestFile(alert: string): TestFile {
  return parse(readFileSync(join(TESTS, `${alert}.yaml`), 'utf8')) as TestFile;
}

/** Whether an alert with these labels comes from this rule. */
function isOf(rule: AlertingRule, labels: Readonly<Record<string, string>>): boolean {
  return ['severity', 'long', 'short'].every((label) => rule.labels[label] === labels[label]);
}

function titleOf({ alert, labels }: AlertingRule): string {
  return [alert, labels['severity'], labels['long']].filter((part) => part !== undefined).join(' ');
}
