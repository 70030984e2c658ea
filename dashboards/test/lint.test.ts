import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { wrapQueries } from '../../testkit/rules.ts';
import { findTool, run, withFolder } from '../../testkit/find-tool.ts';
import { LOGQL } from '../src/logql.ts';
import { PROMQL } from '../src/promql.ts';
import { ANY, interpolate } from '../../testkit/interpolate.ts';
import { readDashboards, type DashboardFile, type PanelFile } from '../../testkit/dashboard-file.ts';

const promtool = findTool('promtool');

/**
 * Exceptions to the rules of Grafana's dashboard-linter, each with its reason: a dashboard or a panel by its title, or `*` for all.
 */
const EXCEPTIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'template-job-rule': { '*': 'releases are told apart by the label release: the job of all of them is the same' },
  'template-instance-rule': {
    '*': 'instances are told apart by pod, which logs have too; an instance is only an address',
  },
  'target-job-rule': { '*': 'see template-job-rule' },
  'target-instance-rule': { '*': 'see template-instance-rule' },
  'target-rate-interval-rule': { 'Connection Duration': 'it shows one histogram of the whole time shown' },
  'target-logql-auto-rule': { 'Top Error Messages': 'it counts over the whole time shown' },
};

/** Units of Grafana that are used here (packages/grafana-data/src/valueFormats/categories.ts). */
const UNITS = ['none', 'short', 'percentunit', 'bytes', 'Bps', 's', 'cps'];

for (const dashboard of readDashboards()) {
  const panels = dashboard.panels.filter(({ type }) => type !== 'row');
  const each = (rule: string, check: (panel: PanelFile) => void): void => {
    for (const panel of panels.filter(({ title }) => !excepted(rule, title, dashboard)))
      test(`${rule}: ${panel.title}`, () => {
        check(panel);
      });
  };

  describe(`${dashboard.title}, by the rules of dashboard-linter:`, () => {
    test('uneditable-dashboard', () => {
      assert.equal(dashboard.editable, false);
    });
    test('template-datasource-rule', () => {
      const sources = dashboard.templating.list.filter(({ type }) => type === 'datasource');
      assert.ok(sources.length > 0);
      for (const { name, label, query } of sources) {
        assert.equal(name, `${String(query)}_datasource`);
        assert.equal(label?.toLowerCase(), `${String(query)} data source`);
      }
    });
    test('template-on-time-change-reload-rule', () => {
      for (const { type, name, refresh } of dashboard.templating.list)
        if (type === 'query') assert.equal(refresh, 2, name);
    });
    test('template-label-promql-rule', () => {
      for (const { type, datasource, definition, name } of dashboard.templating.list)
        if (type === 'query' && datasource?.type === 'prometheus')
          assert.match(definition ?? '', /^label_values\(\w+(\{.*\})?, \w+\)$/, name);
    });
    test('template-job-rule and template-instance-rule have an exception that is needed', () => {
      const names = dashboard.templating.list.map(({ name }) => name);
      assert.ok(!names.includes('job') && !names.includes('instance'));
    });

    each('panel-datasource-rule', ({ datasource, targets }) => {
      for (const source of [datasource, ...targets.map((target) => target.datasource)])
        assert.match(source.uid, /^\$\{(prometheus|loki)_datasource\}$/);
    });
    each('panel-title-description-rule', ({ title, description }) => {
      assert.ok(title.length > 0 && description.length > 0);
    });
    each('panel-units-rule', ({ type, fieldConfig }) => {
      if (['stat', 'table', 'timeseries', 'gauge'].includes(type))
        assert.ok(UNITS.includes(fieldConfig.defaults.unit ?? ''));
    });
    each('panel-no-targets-rule', ({ targets }) => {
      assert.ok(targets.length > 0);
    });
    each('target-rate-interval-rule', (panel) => {
      for (const expr of promql(panel))
        for (const [, range] of expr.matchAll(/\b(?:rate|irate|increase)\([^[]*\[([^\]]+)\]/g))
          assert.equal(range, '$__rate_interval');
    });
    each('target-counter-agg-rule', (panel) => {
      for (const expr of promql(panel))
        assert.doesNotMatch(expr.replaceAll(/\b(rate|irate|increase)\(\w+\{[^}]*\}\[[^\]]+\]\)/g, ''), /_total\b/);
    });
    each('target-logql-auto-rule', (panel) => {
      for (const expr of logql(panel))
        for (const [, range] of expr.matchAll(/\[([^\]]+)\]\)/g)) assert.equal(range, '$__auto');
    });
  });

  describe(`${dashboard.title}, by this project's rules:`, () => {
    test('its queries on metrics are what Prometheus can parse', { skip: promtool.skip }, () => {
      const queries = [...panels.flatMap(promql), ...dashboard.annotations.list.map(({ expr }) => expr)];
      withFolder((folder) => {
        const file = join(folder, 'queries.json');
        writeFileSync(file, wrapQueries(queries.map((expr) => interpolate(expr, ANY))));
        const { status, output } = run(promtool, ['check', 'rules', file]);
        assert.equal(status, 0, output);
      });
    });
    test('every query on metrics keeps to the namespace and release picked', () => {
      for (const panel of panels)
        for (const expr of promql(panel))
          for (const [selector] of expr.matchAll(/\{[^}]*\}/g))
            assert.match(selector, /namespace=~"\$namespace",release=~"\$release"/, panel.title);
    });
    test('every panel says what good looks like', () => {
      for (const { description, title } of panels) assert.match(description, /Good (is|reads|in)/, title);
    });
    test('panels have ids and titles of their own, and fill their rows', () => {
      assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
      assert.equal(new Set(panels.map(({ title }) => title)).size, panels.length);
      const widths = new Map<number, number>();
      for (const { gridPos } of panels) widths.set(gridPos.y, (widths.get(gridPos.y) ?? 0) + gridPos.w);
      for (const [y, width] of widths) assert.equal(width, 24, `the panels at y ${y}`);
    });
    test('targets have refIds of their own', () => {
      for (const { targets, title } of panels)
        assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
    });
    test('variables can be all, and pick more than one', () => {
      for (const { type, multi, includeAll, allValue, name } of dashboard.templating.list)
        if (type === 'query')
          assert.deepEqual([multi, includeAll, /^\.[*+]$/.test(allValue ?? '')], [true, true, true], name);
    });
    test('it links to the other dashboard, and keeps time and variables', () => {
      for (const { tags, keepTime, includeVars } of dashboard.links)
        assert.deepEqual([tags, keepTime, includeVars], [dashboard.tags, true, true]);
      assert.equal(dashboard.links.length, 1);
    });
    test('series of a pod lead to the lines of that pod, at the same time', () => {
      for (const panel of panels.filter(({ targets }) =>
        targets.some(({ legendFormat }) => legendFormat.includes('{{pod}}')),
      )) {
        const [link] = panel.fieldConfig.defaults.links ?? [];
        assert.match(
          link?.url ?? '',
          /^\/d\/websocket-logs\?var-pod=\$\{__field\.labels\.pod\}&.*\$\{__url_time_range\}$/,
          panel.title,
        );
      }
    });
    test('it marks starts, drains and alerts', () => {
      assert.deepEqual(
        dashboard.annotations.list.map(({ name }) => name),
        ['Starts', 'Drains', 'Alerts'],
      );
    });
  });
}

test('the overview begins with the four panels of the guide', () => {
  const [overview] = readDashboards();
  assert.deepEqual(
    overview?.panels.slice(0, 4).map(({ title, type }) => [title, type]),
    [
      ['Active Connections', 'gauge'],
      ['Message Rate', 'timeseries'],
      ['Error Rate', 'timeseries'],
      ['Connection Duration', 'bargauge'],
    ],
  );
});

test('the dashboard of logs has what the guide names', () => {
  const titles = readDashboards()[1]?.panels.map(({ title }) => title) ?? [];
  for (const title of ['Log Volume', 'Error Analysis', 'Session Tracking']) assert.ok(titles.includes(title), title);
});

test('no query has one name in both languages', () => {
  assert.deepEqual(
    Object.keys(LOGQL).filter((name) => name in PROMQL),
    [],
  );
});

test('a panel asks one data source', () => {
  for (const { panels } of readDashboards())
    for (const { datasource, targets = [], title } of panels)
      for (const target of targets) assert.deepEqual(target.datasource, datasource, title);
});

test('no exception is left over', () => {
  const titles = readDashboards().flatMap(({ panels }) => panels.map(({ title }) => title));
  for (const [rule, reasons] of Object.entries(EXCEPTIONS))
    for (const title of Object.keys(reasons)) assert.ok(title === '*' || titles.includes(title), `${rule}: ${title}`);
});

function excepted(rule: string, title: string, dashboard: DashboardFile): boolean {
  const reasons = EXCEPTIONS[rule] ?? {};
  return ['*', title, dashboard.title].some((key) => reasons[key] !== undefined);
}

function promql({ targets }: PanelFile): string[] {
  return targets.filter(({ datasource }) => datasource.type === 'prometheus').map(({ expr }) => expr);
}

function logql({ targets }: PanelFile): string[] {
  return targets.filter(({ datasource }) => datasource.type === 'loki').map(({ expr }) => expr);
}
