import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, test } from 'node:test';
import { ALERT_NAMES, ALERTS } from '../src/alerts.ts';
import { RUNBOOK_URL } from '../src/config.ts';
import { searchedFor } from '../src/runbook.ts';
import { alertingRules, ALERTS as FOLDER, recordingRules } from '../../testkit/rules.ts';

/** The guidelines of monitoring.mixins.dev, as mixtool lints them, and what this project adds. */
describe('each alert', () => {
  for (const rule of alertingRules()) {
    const { alert, labels, annotations } = rule;
    test(`${alert} ${labels['severity'] ?? ''} ${labels['long'] ?? ''}`.trimEnd(), () => {
      assert.match(alert, /^Websocket([A-Z][a-z0-9]+)+$/, 'its name is CamelCase and begins with the common word');
      assert.ok(alert.length <= 40, 'its name has at most 40 characters');
      assert.match(labels['severity'] ?? '', /^(critical|warning|info)$/);
      assert.match(annotations['summary'] ?? '', /^[A-Z][^{}]+\.$/, 'its summary is one sentence, without a template');
      assert.match(annotations['description'] ?? '', /\{\{.+\}\}/, 'its description has a template');
      assert.match(annotations['description'] ?? '', /\.$/, 'its description is a sentence');
      assert.equal(annotations['runbook_url'], `${RUNBOOK_URL}/${alert}.md`);
      assert.match(rule.for, /^\d+[smhd]$/);
      const url = new URL(annotations['dashboard_url'] ?? '');
      assert.equal(url.searchParams.get('var-namespace'), '{{ $labels.namespace }}');
      assert.equal(url.searchParams.get('var-release'), '{{ $labels.release }}');
      const logs = new URL(annotations['logs_url'] ?? '');
      assert.equal(
        logs.searchParams.get('var-search') ?? '',
        searchedFor(alert),
        'it finds what the runbook looks for',
      );
      assert.ok(logs.search.startsWith(url.search), 'both links pick the same');
      assert.match(annotations['first_steps'] ?? '', /^1\. /);
      const ofInstance = annotations['description']?.includes('$labels.pod') ?? false;
      assert.equal(url.searchParams.get('var-pod'), ofInstance ? '{{ $labels.pod }}' : null);
    });
  }

  test('reads only series of this service', () => {
    for (const { expr, alert } of alertingRules())
      for (const [, metric, matchers] of metricsIn(expr))
        assert.match(
          matchers ?? '',
          metric?.startsWith('kube_') ? /^deployment="/ : metric === 'ALERTS' ? /,job="/ : /^job="/,
          `${alert}: ${metric ?? ''}`,
        );
  });

  test('has one name in both of its tiers, the critical one later and no slower', () => {
    for (const { name, tiers } of ALERTS.filter((alert) => alert.tiers.length > 1)) {
      assert.deepEqual(
        tiers.map(({ severity }) => severity),
        ['critical', 'warning'],
        name,
      );
      const [critical, warning] = tiers;
      assert.ok((critical.threshold ?? 0) > (warning?.threshold ?? 0), `${name}: critical is the higher threshold`);
      assert.ok(minutes(critical.for) <= minutes(warning?.for ?? ''), `${name}: critical is no slower`);
    }
  });

  test('has a promtool test and a runbook, and no file is left of one that is gone', () => {
    const names = [...ALERT_NAMES].sort();
    assert.deepEqual(stems('tests', '.yaml'), names);
    assert.deepEqual(stems('runbooks', '.md'), names);
  });
});

describe('each recording rule', () => {
  for (const { record, expr } of recordingRules())
    test(record, () => {
      assert.match(record, /^namespace_job_release:websocket_[a-z_]+:[a-z_]+(\d+[smhd])?$/, 'level:metric:operations');
      assert.doesNotMatch(record, /_total/);
      assert.doesNotMatch(expr, /(sum|avg) by [^)]*\) \([^)]*\/[^)]*\)/, 'it sums first, and divides then');
      for (const [, metric, matchers] of metricsIn(expr)) assert.match(matchers ?? '', /^job="/, metric);
    });
});

test('no alert of this kind is left out', () => {
  assert.ok(ALERT_NAMES.length >= 26);
  assert.equal(new Set(ALERT_NAMES).size, ALERT_NAMES.length, 'names are there once');
});

/** Metric names with the matchers that stand right behind them; undefined where there are none. */
function metricsIn(expr: string): RegExpExecArray[] {
  return [
    ...expr.matchAll(
      /\b((?:namespace_job_release:)?(?:websocket|process|nodejs|kube|probe)_[\w:]+|\bup|\bALERTS)\b(?:\{([^}]*)\})?/g,
    ),
  ];
}

function stems(folder: string, extension: string): string[] {
  return readdirSync(new URL(`${folder}/`, FOLDER))
    .filter((name) => name.endsWith(extension))
    .map((name) => name.slice(0, -extension.length))
    .sort();
}

function minutes(duration: string): number {
  const [, count = '0', unit = 'm'] = /^(\d+)([smhd])$/.exec(duration) ?? [];
  return Number(count) * ({ s: 1 / 60, m: 1, h: 60, d: 1440 }[unit] ?? NaN);
}
