import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse, stringify } from 'yaml';
import type { AlertingRule } from '../src/groups.ts';
import { plainRules } from '../src/plain.ts';
import { DEFAULTS, type RuleValues } from '../src/values.ts';
import { ALERTS, type RuleFile } from '../../testkit/rules.ts';
import { findTool, run, withFolder } from '../../testkit/find-tool.ts';

const helm = findTool('helm');
const promtool = findTool('promtool');
const chart = new URL('../chart', ALERTS).pathname;

/** The plain file's values, with the labels that the release has in the chart. */
const IN_CHART: RuleValues = {
  ...DEFAULTS,
  selector: 'namespace="chat",job="websocket-message-counter",release="demo"',
  deploymentSelector: 'namespace="chat",deployment="demo-websocket-message-counter"',
  probeSelector: 'namespace="chat",job="websocket-message-counter-probe",release="demo"',
  runbookUrl: 'https://wiki.example.org/runbooks',
  runbookCommand: (alert) =>
    `kubectl -n {{ $labels.namespace }} get configmap demo-websocket-message-counter-runbooks -o jsonpath='{.data.${alert}}'`,
  release: 'demo',
};

describe('the rules in the chart', { skip: helm.skip }, () => {
  test('are those of the plain file, for one release alone', () => {
    assert.deepEqual(rendered({ runbookUrl: IN_CHART.runbookUrl }), parse(plainRules('enabled', IN_CHART)));
  });

  test('are read by Prometheus', { skip: promtool.skip }, () => {
    withFolder((folder) => {
      const file = join(folder, 'rules.yaml');
      writeFileSync(file, stringify(rendered({ alerts: { WebsocketConnectionsTooFew: { enabled: true } } })));
      const { status, output } = run(promtool, ['check', 'rules', '--lint=all', '--lint-fatal', file]);
      assert.equal(status, 0, output);
    });
  });

  test('leave out an alert that is turned off, and one tier of two', () => {
    const rules = alerts({
      alerts: {
        WebsocketRestarting: { enabled: false },
        WebsocketConnectionsNearLimit: { critical: { enabled: false } },
      },
    });
    assert.deepEqual(
      rules.filter(({ alert }) => alert === 'WebsocketRestarting'),
      [],
    );
    const near = rules.filter(({ alert }) => alert === 'WebsocketConnectionsNearLimit');
    assert.deepEqual(
      near.map(({ labels }) => labels['severity']),
      ['warning'],
    );
  });

  test('leave out a group whose alerts are all turned off', () => {
    const off = { enabled: false };
    const { groups } = rendered({
      alerts: { WebsocketDrainSlow: off, WebsocketDrainCutClients: off, WebsocketDrainLostLogLines: off },
    });
    assert.ok(!groups.some(({ name }) => name.endsWith('.drains')));
  });

  test('take threshold, for, severity and window from the values, in their words as well', () => {
    const [rule] = alerts({
      alerts: {
        WebsocketErrorRatioHigh: { threshold: 0.025, for: '30s', severity: 'critical', window: '90s', minErrors: 3 },
      },
    }).filter(({ alert }) => alert === 'WebsocketErrorRatioHigh');
    assert.ok(rule);
    assert.match(rule.expr, /\[90s\][^]*> 0\.025\nand [^]*>= 3$/);
    assert.equal(rule.for, '30s');
    assert.equal(rule.labels['severity'], 'critical');
    assert.match(rule.annotations['description'] ?? '', /within 90s \(threshold 2\.5 %\)/);
  });

  test('take objectives and windows from the values, each window recorded once', () => {
    const { groups } = rendered({
      slo: { messages: { target: 0.99, latencySeconds: 0.05 } },
      burnRate: {
        minErrors: 1,
        fastest: { long: '10m', short: '60s', for: '5s', factor: 2 },
        fast: { long: '10m', short: '90s' },
      },
    });
    const rules = groups.find(({ name }) => name.endsWith('slo-messages'))?.rules ?? [];
    const records = rules.flatMap((rule) => ('record' in rule ? [rule.record] : []));
    assert.equal(new Set(records).size, records.length);
    assert.ok(records.includes('namespace_job_release:websocket_message_errors:ratio_rate10m'));
    const fastest = rules.find((rule) => 'alert' in rule && rule.labels['short'] === '60s');
    assert.match(fastest?.expr ?? '', /ratio_rate10m\{[^}]+\} > 2 \* \(1 - 0\.99\)/);
    assert.match(rules[0]?.expr ?? '', /le="0\.05"/);
  });

  test('measure short windows by the counters, and sum long ones up from five minutes', () => {
    const { groups } = rendered({ burnRate: { interval: '2m', fast: { long: '2h', short: '2m' } } });
    const group = groups.find(({ name }) => name.endsWith('slo-messages'));
    const expr = (window: string): string =>
      group?.rules.find(
        (rule) => 'record' in rule && rule.record.endsWith(`websocket_message_events:increase${window}`),
      )?.expr ?? '';
    assert.equal(group?.interval, '2m');
    assert.match(expr('2m'), /\[2m\]/);
    assert.match(expr('2h'), /^sum_over_time\(namespace_job_release:[^[]+increase5m\{[^[]+\[2h\]\) \/ 2\.5$/);
  });

  test('carry the labels and annotations that are added to alerts, and link to the addresses given', () => {
    for (const { labels, annotations } of alerts({
      alertLabels: { team: 'chat' },
      alertAnnotations: { owner: 'chat' },
      grafanaUrl: 'https://grafana.example.org',
      runbookUrl: 'https://wiki.example.org/runbooks',
    })) {
      assert.equal(labels['team'], 'chat');
      assert.equal(annotations['owner'], 'chat');
      assert.match(annotations['dashboard_url'] ?? '', /^https:\/\/grafana\.example\.org\/d\/websocket-overview\?/);
      assert.match(annotations['runbook_url'] ?? '', /^https:\/\/wiki\.example\.org\/runbooks\/Websocket\w+\.md$/);
    }
  });
});

function alerts(prometheusRule: object, values: object = {}): AlertingRule[] {
  return rendered(prometheusRule, values).groups.flatMap(({ rules }) => rules.filter((rule) => 'alert' in rule));
}

function rendered(prometheusRule: object, values: object = {}): RuleFile {
  return withFolder((folder) => {
    const file = join(folder, 'values.yaml');
    writeFileSync(file, stringify({ ...values, prometheusRule: { enabled: true, ...prometheusRule } }));
    const { status, output } = run(helm, [
      'template',
      'demo',
      chart,
      '-n',
      'chat',
      '-f',
      file,
      '--show-only',
      'templates/prometheusrule.yaml',
    ]);
    assert.equal(status, 0, output);
    return (parse(output) as { spec: RuleFile }).spec;
  });
}
