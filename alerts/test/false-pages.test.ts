import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { ALERT_NAMES } from '../src/alerts.ts';
import { plainRules, type Selection } from '../src/plain.ts';
import { defaultsFor } from '../src/values.ts';
import { COMMON_LABELS, FALSE_PAGES, type FalsePage } from '../tests/false-pages.ts';
import { findTool, run, withFolder } from '../../testkit/find-tool.ts';
import { withAlerts, type RuleFile } from '../../testkit/rules.ts';

const promtool = findTool('promtool');

test('every alert has a case in which it must not fire', () => {
  const left = ALERT_NAMES.filter((name) => !FALSE_PAGES.some(({ alert }) => alert === name));
  assert.deepEqual(left, []);
});

describe('must not fire', { skip: promtool.skip }, () => {
  for (const [index, { alert, when }] of FALSE_PAGES.entries())
    test(`${alert} ${when}`, () => {
      const { failures, output } = resultOf(index);
      assert.equal(failures, 0, output);
    });
});

let results: readonly { readonly failures: number; readonly output: string }[] | undefined;

/** How a case ended. All are run in one go by the first that asks. */
function resultOf(index: number): { readonly failures: number; readonly output: string } {
  results ??= withFolder((folder) => {
    const report = join(folder, 'report.xml');
    const files = FALSE_PAGES.map((each, number) => plant(folder, `case-${number}.yaml`, each));
    const { output } = run(promtool, ['test', 'rules', `--junit=${report}`, ...files]);
    const suites = readFileSync(report, 'utf8').matchAll(/<testsuite name="([^"]+)" tests="\d+" failures="(\d+)"/g);
    const failures = new Map([...suites].map(([, path = '', count]) => [path, Number(count)]));
    return files.map((file) => ({ failures: failures.get(file) ?? NaN, output }));
  });
  return results[index] ?? { failures: NaN, output: 'promtool did not run it' };
}

/** Writes a case for promtool, and beside it the rules it needs. @returns its path */
function plant(folder: string, name: string, page: FalsePage): string {
  const { interval = '30s', series, silent = [], firing = [] } = page;
  const path = join(folder, name);
  writeFileSync(`${path}.rules`, JSON.stringify({ groups: groupsOf(page) }));
  const fires = (labels: string): string =>
    `count(ALERTS{alertname="${page.alert}",alertstate="firing"${labels}}) or vector(0)`;
  const moments = [...silent.map((at) => [at, '', 0] as const), ...firing];
  const tests = [
    {
      interval,
      input_series: Object.entries(series).map(([key, values]) => ({ series: withLabels(key), values })),
      promql_expr_test: moments.map(([at, labels, count]) => ({
        expr: fires(labels === '' ? '' : `,${labels}`),
        eval_time: at,
        exp_samples: [{ labels: '{}', value: count }],
      })),
    },
  ];
  writeFileSync(path, JSON.stringify({ rule_files: [`${name}.rules`], evaluation_interval: interval, tests }));
  return path;
}

/** The rules of an alert, with what they read. */
function groupsOf({ alert, installation = {} }: FalsePage): RuleFile['groups'] {
  const values = defaultsFor(installation);
  const groups = (['enabled', 'optional'] satisfies Selection[]).flatMap(
    (selection) => (parse(plainRules(selection, values)) as RuleFile).groups,
  );
  return withAlerts(groups, (rule) => (rule.alert === alert ? [rule] : []));
}

/** Adds the labels that a series does not say itself; an instance is named after its pod. */
function withLabels(key: string): string {
  const [name = '', written = ''] = key.split(/[{}]/);
  const own = Object.fromEntries(
    [...written.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', value]) => [label, value]),
  );
  const all: Record<string, string | undefined> = { ...COMMON_LABELS, ...own };
  const labels = Object.entries({ instance: all['pod'], ...all }).map(([label, value]) => `${label}="${value ?? ''}"`);
  return `${name}{${labels.join(',')}}`;
}
