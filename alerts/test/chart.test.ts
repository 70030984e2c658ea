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
  release: 'demo',
};

describe('the rules in the chart', { skip: helm.skip }, () => {
  test('are those of the plain file, for one release alone', () => {
    assert.deepEqual(rendered({}), parse(plainRules('enabled', IN_CHART)));
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
    const { groups } = rendered({ alerts: { WebsocketDrainSlow: off, WebsocketDrainCutClients: off } });
    assert.ok(!groups.some(({ name }) => name.endsWith('.drains')));
  });

  test('take threshold, for, severity and window from the values, in their words as well', () => {
    const [rule] = alerts({
      alerts: {
        WebsocketErrorRatioHigh: { threshold: 0.025, for: '30s', severity: 'critical', window: '20s', minErrors: 3 },
      },
    }).filter(({ alert }) => alert === 'WebsocketErrorRatioHigh');
    assert.ok(rule);
    assert.match(rule.expr, /\[20s\][^]*> 0\.025\nand [^]*>= 3$/);
    assert.equal(rule.for, '30s');
    assert.equal(rule.labels['severity'], 'critical');
    assert.match(rule.annotations['description'] ?? '', /within 20s \(threshold 2\.5 %\)/);
  });

  test('take objectives and windows from the values, each window recorded once', () => {
    const { groups } = rendered({
      slo: { messages: { target: 0.99, latencySeconds: 0.05 } },
      burnRate: {
        minErrors: 1,
        fastest: { long: '60s', short: '10s', for: '5s', factor: 2 },
        fast: { long: '60s', short: '20s' },
      },
    });
    const rules = groups.find(({ name }) => name.endsWith('slo-messages'))?.rules ?? [];
    const records = rules.flatMap((rule) => ('record' in rule ? [rule.record] : []));
    assert.equal(new Set(records).size, records.length);
    assert.ok(records.includes('namespace_job_release:websocket_message_errors:ratio_rate60s'));
    const fastest = rules.find((rule) => 'alert' in rule && rule.labels['short'] === '10s');
    assert.match(fastest?.expr ?? '', /ratio_rate60s\{[^}]+\} > 2 \* \(1 - 0\.99\)/);
    assert.match(rules[0]?.expr ?? '', /le="0\.05"/);
  });

  test('compare memory with the limit of the container, and leave that out where there is none', () => {
    const memory = (values: object): string[] =>
      alerts({}, values).flatMap(({ alert, expr }) => (alert === 'WebsocketMemoryNearLimit' ? [expr] : []));
    assert.match(memory({ resources: { limits: { memory: '1Gi' } } })[0] ?? '', /\/ 1073741824 > 0\.95/);
    assert.deepEqual(memory({ resources: { limits: { memory: null } } }), []);
  });

  test('carry the labels that are added to alerts, and link to the addresses given', () => {
    for (const { labels, annotations } of alerts({
      alertLabels: { team: 'chat' },
      grafanaUrl: 'https://grafana.example.org',
      runbookUrl: 'https://wiki.example.org/runbooks',
    })) {
      assert.equal(labels['team'], 'chat');
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
