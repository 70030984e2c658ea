import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { wrapQueries } from '../../testkit/rules.ts';
import { findTool, run, withFolder } from '../../testkit/find-tool.ts';
import { LOGQL } from '../src/logql.ts';
import { PROMQL } from '../src/promql.ts';
import { ANY, interpolate } from '../../testkit/interpolate.ts';
import { panelsOf, readDashboards, type DashboardFile, type PanelFile } from '../../testkit/dashboard-file.ts';
import { UNITS } from '../src/panel.ts';

const promtool = findTool('promtool');

/**
 * Exceptions to the rules of Grafana's dashboard-linter, each with its reason: a dashboard or a panel by its title, or `*` for all.
 */
const EXCEPTIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'template-instance-rule': {
    '*': 'instances are told apart by pod, which logs have too; an instance is only an address',
  },
  'target-instance-rule': { '*': 'see template-instance-rule' },
  'target-logql-auto-rule': { 'Top Error Messages': 'it counts over the whole time shown' },
};

/** Series of others, which have no job of the service, with the reason why they are read. */
const OTHERS: Readonly<Record<string, string>> = {
  kube_deployment_spec_replicas: 'kube-state-metrics knows how many instances are wanted',
};

for (const dashboard of readDashboards()) {
  const panels = panelsOf(dashboard);
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
    test('template-job-rule', () => {
      const job = dashboard.templating.list.find(({ name }) => name === 'job');
      assert.equal(job?.definition, 'label_values(websocket_build_info, job)');
    });
    test('template-instance-rule has an exception that is needed', () => {
      assert.ok(!dashboard.templating.list.some(({ name }) => name === 'instance'));
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
        assert.ok(Object.values<string>(UNITS).includes(fieldConfig.defaults.unit ?? ''));
    });
    each('panel-no-targets-rule', ({ targets }) => {
      assert.ok(targets.length > 0);
    });
    each('target-rate-interval-rule', (panel) => {
      for (const expr of promql(panel))
        for (const [, range] of expr.matchAll(/\b(?:rate|irate|increase)\([^[]*\[([^\]]+\](?: @ end\(\))?)/g))
          // The whole time shown, to hide what is zero in all of it.
          assert.match(range ?? '', /^\$__(rate_interval\]|range\] @ end\(\))$/);
    });
    each('target-counter-agg-rule', (panel) => {
      for (const expr of promql(panel))
        assert.doesNotMatch(
          expr.replaceAll(/\b(rate|irate|increase)\(\w+\{[^}]*\}\[[^\]]+\](?: @ end\(\))?\)/g, ''),
          /_total\b/,
        );
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
    test('every selector keeps to the job, the namespace and the release picked', () => {
      const queries = [...panels.flatMap(promql), ...dashboard.annotations.list.map(({ expr }) => expr)];
      for (const expr of queries)
        for (const [selector, metric = ''] of expr.matchAll(/([\w:]*)\{[^}]*\}/g)) {
          assert.match(selector, /namespace=~"\$namespace\|?"/, expr);
          if (OTHERS[metric] !== undefined) continue;
          assert.match(selector, /job=~"\$job",namespace=~"\$namespace\|?",release=~"\$release\|?"/, expr);
        }
    });
    test('no series is read without a selector', () => {
      for (const expr of panels.flatMap(promql))
        assert.doesNotMatch(
          expr.replaceAll(/[\w:]+\{[^}]*\}|"[^"]*"/g, ''),
          /\b(websocket|process|nodejs|kube)_|\bup\b|ALERTS/,
          expr,
        );
    });
    test('every query on lines keeps to the namespace and the release picked', () => {
      for (const panel of panels)
        for (const expr of logql(panel))
          assert.match(expr, /\| namespace=~"\$namespace" \| release=~"\$release"/, panel.title);
    });
    test('lines are searched for a text before they are parsed, and what is typed in can not end a string', () => {
      for (const panel of panels)
        for (const expr of logql(panel)) {
          assert.doesNotMatch(expr, /\| json.*\|[=~] /, panel.title);
          for (const typed of ['session', 'search'])
            for (const [found] of expr.matchAll(new RegExp(`\\$\\{?${typed}.{0,9}`, 'g')))
              assert.match(found, /^\$\{(session:raw|search:regex)\}"?`/, panel.title);
        }
    });
    test('a bar and a field of a heatmap is what happened in its step: four scrapes or more', () => {
      const windowed = panels.filter(
        ({ type, fieldConfig }) => type === 'heatmap' || fieldConfig.defaults.custom?.drawStyle === 'bars',
      );
      assert.ok(windowed.length > 0);
      for (const { targets, title } of windowed)
        for (const { expr, interval, datasource } of targets)
          if (datasource.type === 'prometheus') {
            assert.equal(interval, '$__rate_interval', title);
            assert.match(expr, /\[\$__rate_interval\]/, title);
          } else assert.match(expr, /\[\$__auto\]/, title);
    });
    test('no logarithmic axis begins at 0', () => {
      for (const { fieldConfig, title } of panels)
        if (fieldConfig.defaults.custom?.scaleDistribution?.type === 'log')
          assert.equal(fieldConfig.defaults.min, undefined, title);
    });
    test('a division gives no NaN in a number: what is divided by is greater than 0', () => {
      for (const panel of panels)
        for (const expr of promql(panel)) {
          const divisor = /\s\/ (\(.*)/.exec(expr)?.[1];
          if (divisor !== undefined) assert.match(divisor, / > 0\)/, panel.title);
          else assert.doesNotMatch(expr, /\s\/\s/, panel.title);
        }
    });
    test('legends stand below, where they get a third of the panel at most', () => {
      for (const { options, title } of panels)
        if (options?.legend?.showLegend === true) assert.equal(options.legend.placement, 'bottom', title);
    });
    test('a name of a pod is cut to its last part, as names of real pods fill a panel', () => {
      for (const panel of panels.filter(({ type }) => ['timeseries', 'state-timeline'].includes(type)))
        if (panel.targets.some(({ legendFormat }) => legendFormat.includes('{{pod}}')))
          assert.ok(
            panel.transformations?.some(({ id }) => id === 'renameByRegex'),
            panel.title,
          );
    });
    test('a limit is a dashed line', () => {
      for (const { targets, fieldConfig, title, type } of panels.filter((panel) => panel.type === 'timeseries'))
        if (targets.some(({ legendFormat }) => legendFormat.startsWith('limit')))
          assert.ok(
            fieldConfig.overrides.some(
              ({ matcher, properties }) =>
                matcher.options === '/^limit/' && properties.some(({ id }) => id === 'custom.lineStyle'),
            ),
            `${type} ${title}`,
          );
    });
    test('levels, types of errors, close codes and outcomes have fixed colours', () => {
      for (const { targets, fieldConfig, title } of panels.filter(({ type }) => type === 'timeseries'))
        if (targets.some(({ legendFormat }) => /\{\{(level|type|code|outcome|result)\}\}/.test(legendFormat)))
          assert.ok(
            fieldConfig.overrides.some(({ properties }) => properties.some(({ id }) => id === 'color')),
            title,
          );
    });
    test('every panel says what good looks like', () => {
      for (const { description, title } of panels) assert.match(description, /Good (is|reads|in)/, title);
    });
    test('panels have ids and titles of their own, and fill their rows', () => {
      const ids = [...dashboard.panels, ...panels.filter((panel) => !dashboard.panels.includes(panel))].map(
        ({ id }) => id,
      );
      assert.equal(new Set(ids).size, ids.length);
      assert.equal(new Set(panels.map(({ title }) => title)).size, panels.length);
      const widths = new Map<number, number>();
      for (const { gridPos } of panels) widths.set(gridPos.y, (widths.get(gridPos.y) ?? 0) + gridPos.w);
      for (const [y, width] of widths) assert.equal(width, 24, `the panels at y ${y}`);
    });
    test('targets have refIds of their own', () => {
      for (const { targets, title } of panels)
        assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
    });
    test('variables pick more than one, and all is what they list, but for pods that never answered', () => {
      for (const { type, multi, includeAll, allValue, name } of dashboard.templating.list)
        if (type === 'query') {
          assert.deepEqual([multi, allValue], [true, name === 'pod' ? '.*' : undefined], name);
          assert.equal(includeAll, name !== 'service', name);
        }
    });
    test('it links to the other dashboard, and keeps time and variables', () => {
      const other = dashboard.uid === 'websocket-logs' ? '/d/websocket-overview' : '/d/websocket-logs';
      assert.deepEqual(
        dashboard.links.map(({ url, keepTime, includeVars }) => [url, keepTime, includeVars]),
        [[other, true, true]],
      );
    });
    test('series of a pod lead to the lines of that pod, at the same time', () => {
      for (const panel of panels.filter(({ targets }) =>
        targets.some(({ legendFormat }) => legendFormat.includes('{{pod}}')),
      )) {
        const [link] = panel.fieldConfig.defaults.links ?? [];
        assert.match(
          link?.url ?? '',
          /^\/d\/websocket-logs\?var-pod=\$\{__field\.labels\.pod\}&.*\$\{job:queryparam\}.*\$\{__url_time_range\}$/,
          panel.title,
        );
      }
    });
    test('it marks rollouts and drains, none of which a step misses, and critical alerts for who asks', () => {
      assert.deepEqual(
        dashboard.annotations.list.map(({ name, step, enable }) => [name, step, enable]),
        [
          ['Rollouts', '$__rate_interval', true],
          ['Drains', '$__rate_interval', true],
          ['Critical alerts', '$__rate_interval', false],
        ],
      );
    });
  });
}

test('the first screen has the strip, the four panels of the guide, the alerts and the pods, and fits 1280 × 720', () => {
  const [overview] = readDashboards();
  const first =
    overview?.panels.slice(
      0,
      overview.panels.findIndex(({ type }) => type === 'row'),
    ) ?? [];
  assert.deepEqual(
    first.map(({ title, type }) => [title, type]),
    [
      ...['Alerts', 'Ready of Wanted', 'Fullest Pod', 'Good Messages', 'Good Handshakes'].map((name) => [name, 'stat']),
      ...['Message Budget', 'Handshake Budget'].map((name) => [name, 'stat']),
      ['Active Connections', 'gauge'],
      ['Message Rate', 'timeseries'],
      ['Error Rate', 'timeseries'],
      ['Connection Duration', 'heatmap'],
      ['Firing Alerts', 'table'],
      ['Pods', 'table'],
    ],
  );
  // Grafana's bars and the variables take about 180 pixels; a row of the grid has 30, and 8 between two.
  const rows = Math.max(...first.map(({ gridPos: { y, h } }) => y + h));
  assert.ok(180 + rows * 38 <= 720, `${rows} rows`);
});

test('the other rows of the overview are collapsed', () => {
  const rows = readDashboards()[0]?.panels.filter(({ type }) => type === 'row') ?? [];
  assert.ok(rows.length > 0);
  for (const { collapsed, panels, title } of rows) assert.ok(collapsed === true && (panels ?? []).length > 0, title);
});

test('the dashboard of logs has what the guide names', () => {
  const titles = readDashboards()
    .flatMap(panelsOf)
    .map(({ title }) => title);
  for (const title of ['Log Volume', 'Error Analysis', 'Session Tracking']) assert.ok(titles.includes(title), title);
});

test('no query has one name in both languages', () => {
  assert.deepEqual(
    Object.keys(LOGQL).filter((name) => name in PROMQL),
    [],
  );
});

test('a panel asks one data source', () => {
  for (const dashboard of readDashboards())
    for (const { datasource, targets, title } of panelsOf(dashboard))
      for (const target of targets) assert.deepEqual(target.datasource, datasource, title);
});

test('no exception is left over', () => {
  const titles = readDashboards().flatMap((dashboard) => panelsOf(dashboard).map(({ title }) => title));
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
