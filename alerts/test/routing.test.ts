import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { alertmanagerConfig, notificationTemplates, plainAlertmanager, ROUTING } from '../src/alertmanager.ts';
import { alertmanager, startAlertmanager } from '../../testkit/alertmanager.ts';
import { alertingRules, ALERTS } from '../../testkit/rules.ts';
import { findTool, run, withFolder } from '../../testkit/find-tool.ts';

const amtool = findTool('amtool');
const CONFIG = new URL('generated/alertmanager.yaml', ALERTS).pathname;
const DEMO = { namespace: 'chat', job: 'websocket-message-counter', release: 'demo' };
const OTHER = { ...DEMO, release: 'other' };

describe('the configuration', { skip: amtool.skip }, () => {
  test('is what Alertmanager reads', () => {
    withFolder((folder) => {
      const templates = join(folder, 'websocket.tmpl');
      writeFileSync(templates, notificationTemplates());
      writeFileSync(join(folder, 'alertmanager.yml'), plainAlertmanager(ROUTING, { secrets: folder, templates }));
      const { status, output } = run(amtool, ['check-config', join(folder, 'alertmanager.yml')]);
      assert.equal(status, 0, output);
      assert.match(output, /1 templates/);
    });
  });

  const receivers = { critical: 'page', warning: 'ticket', info: 'info' } as const;
  for (const { alert, labels } of alertingRules()) {
    const severity = labels['severity'] as keyof typeof receivers;
    test(`sends ${alert} (${severity}${labels['long'] === undefined ? '' : `, ${labels['long']}`}) to ${receivers[severity]}`, () => {
      assert.equal(receiverOf({ ...DEMO, ...labels, alertname: alert }), receivers[severity]);
    });
  }

  test('sends the alerts of others nowhere', () => {
    assert.equal(receiverOf({ alertname: 'KubePodCrashLooping', severity: 'critical', namespace: 'chat' }), 'none');
  });

  test('says in a notification how bad it is, where, what is wrong, what to do, and where to look', () => {
    const title = rendered('websocket.title');
    assert.equal(title, 'CRITICAL chat/demo: No instance is ready for connections. (and 1 more)');
    const text = rendered('websocket.text');
    assert.match(text, /^WebsocketServiceDown \(critical, firing\): No instance of chat\/demo has been ready\.$/m);
    assert.match(text, /^First steps:\n1\. Look at the pods\.$/m);
    assert.match(text, /^What to do: https:\/\/example\.org\/runbooks\/WebsocketServiceDown\.md$/m);
    assert.match(text, /^Where to look: https:\/\/example\.org\/d\/websocket-overview$/m);
    assert.match(text, /^Log: https:\/\/example\.org\/d\/websocket-logs$/m);
  });
});

test('the AlertmanagerConfig has the same routes, inhibitions and receivers as the plain file', () => {
  const plain = parse(plainAlertmanager(ROUTING, { secrets: '/s', templates: '/t' })) as PlainConfig;
  const { spec } = parse(alertmanagerConfig(ROUTING)) as { spec: OperatorSpec };
  const [route] = plain.route.routes;
  assert.ok(route);
  assert.deepEqual(spec.route.matchers.map(plainly), route.matchers);
  assert.deepEqual(spec.route.groupBy, route.group_by);
  assert.equal(spec.route.groupWait, route.group_wait);
  assert.equal(spec.route.repeatInterval, route.repeat_interval);
  assert.deepEqual(
    spec.route.routes.map(({ receiver, matchers, groupWait }) => [receiver, matchers.map(plainly), groupWait]),
    route.routes.map(({ receiver, matchers, group_wait: wait }) => [receiver, matchers, wait]),
  );
  assert.deepEqual(
    spec.inhibitRules.map(({ sourceMatch, targetMatch, equal }) => [
      sourceMatch.map(plainly),
      targetMatch.map(plainly),
      equal,
    ]),
    plain.inhibit_rules.map(({ source_matchers: source, target_matchers: target, equal }) => [source, target, equal]),
  );
  assert.deepEqual(
    spec.receivers.map(({ name }) => name),
    plain.receivers.map(({ name }) => name).filter((name) => name !== 'none'),
  );
});

describe('a running Alertmanager', { skip: alertmanager.skip }, () => {
  test('gives one page for one outage, whatever else fires', async (t) => {
    const { fire, received, all } = await startAlertmanager(t);
    await fire(
      { alertname: 'WebsocketServiceDown', severity: 'critical', ...DEMO },
      { alertname: 'WebsocketInstanceUnreachable', severity: 'warning', pod: 'a', ...DEMO },
      { alertname: 'WebsocketInstanceUnreachable', severity: 'warning', pod: 'b', ...DEMO },
      { alertname: 'WebsocketHandshakeBudgetBurn', severity: 'critical', long: '1h', short: '5m', ...DEMO },
      { alertname: 'WebsocketSessionsUnusuallyLong', severity: 'info', ...DEMO },
      // Another release at the same time: once its ticket has come, the first one's would have come too.
      { alertname: 'WebsocketRestarting', severity: 'warning', pod: 'c', ...OTHER },
      { alertname: 'WebsocketSessionsUnusuallyLong', severity: 'info', ...OTHER },
    );
    const page = await received.page.next(() => true);
    assert.deepEqual(
      page.alerts.map(({ labels }) => labels['alertname']),
      ['WebsocketServiceDown'],
    );
    assert.deepEqual(page.groupLabels, DEMO);
    await Promise.all([received.ticket.next(() => true), received.info.next(() => true)]);
    assert.deepEqual(
      all.filter(({ groupLabels }) => groupLabels['release'] === 'demo'),
      [page],
    );
  });

  test('silences a warning by the critical alert of the same name, and no other', async (t) => {
    const { fire, received } = await startAlertmanager(t);
    await fire(
      { alertname: 'WebsocketConnectionsNearLimit', severity: 'critical', pod: 'a', ...DEMO },
      { alertname: 'WebsocketConnectionsNearLimit', severity: 'warning', pod: 'a', ...DEMO },
      { alertname: 'WebsocketMemoryNearLimit', severity: 'warning', pod: 'a', ...DEMO },
      { alertname: 'WebsocketConnectionsNearLimit', severity: 'warning', pod: 'z', ...OTHER },
    );
    const [page, ticket, others] = await Promise.all([
      received.page.next(() => true),
      received.ticket.next(({ groupLabels }) => groupLabels['release'] === 'demo'),
      received.ticket.next(({ groupLabels }) => groupLabels['release'] === 'other'),
    ]);
    assert.equal(page.alerts.length, 1);
    assert.deepEqual(
      ticket.alerts.map(({ labels }) => labels['alertname']),
      ['WebsocketMemoryNearLimit'],
    );
    assert.equal(others.alerts.length, 1);
  });

  test('tells two alerts of one release in one page, and tells when they end', async (t) => {
    const { fire, resolve, received } = await startAlertmanager(t);
    const alerts = ['a', 'b'].map((pod) => ({
      alertname: 'WebsocketEventLoopBlocked',
      severity: 'critical',
      pod,
      ...DEMO,
    }));
    await fire(...alerts);
    const page = await received.page.next(({ status }) => status === 'firing');
    assert.equal(page.alerts.length, 2);
    await resolve(...alerts);
    const end = await received.page.next(({ status }) => status === 'resolved');
    assert.equal(end.alerts.length, 2);
  });
});

interface PlainConfig {
  readonly route: { readonly routes: readonly (PlainRoute & { readonly routes: readonly PlainRoute[] })[] };
  readonly inhibit_rules: readonly { source_matchers: string[]; target_matchers: string[]; equal: string[] }[];
  readonly receivers: readonly { readonly name: string }[];
}

interface PlainRoute {
  readonly receiver: string;
  readonly matchers: string[];
  readonly group_by: string[];
  readonly group_wait: string;
  readonly repeat_interval: string;
}

interface OperatorSpec {
  readonly route: OperatorRoute & { readonly routes: readonly OperatorRoute[] };
  readonly inhibitRules: readonly { sourceMatch: OperatorMatcher[]; targetMatch: OperatorMatcher[]; equal: string[] }[];
  readonly receivers: readonly { readonly name: string }[];
}

interface OperatorRoute {
  readonly receiver: string;
  readonly matchers: readonly OperatorMatcher[];
  readonly groupBy: string[];
  readonly groupWait: string;
  readonly repeatInterval: string;
}

interface OperatorMatcher {
  readonly name: string;
  readonly matchType: string;
  readonly value: string;
}

function plainly({ name, matchType, value }: OperatorMatcher): string {
  return `${name}${matchType}"${value}"`;
}

function receiverOf(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  const { status, output } = run(amtool, ['config', 'routes', 'test', `--config.file=${CONFIG}`, ...pairs]);
  assert.equal(status, 0, output);
  return output.trim();
}

function rendered(template: string): string {
  const alert = (alertname: string, summary: string): object => ({
    status: 'firing',
    labels: { alertname, severity: 'critical', ...DEMO },
    annotations: {
      summary,
      description: 'No instance of chat/demo has been ready.',
      first_steps: '1. Look at the pods.',
      runbook_url: `https://example.org/runbooks/${alertname}.md`,
      dashboard_url: 'https://example.org/d/websocket-overview',
      logs_url: 'https://example.org/d/websocket-logs',
    },
    startsAt: '2024-01-15T10:30:00Z',
    endsAt: '0001-01-01T00:00:00Z',
  });
  const data = {
    receiver: 'page',
    status: 'firing',
    alerts: [alert('WebsocketServiceDown', 'No instance is ready for connections.'), alert('WebsocketX', 'X.')],
    groupLabels: DEMO,
    commonLabels: { severity: 'critical', ...DEMO },
    commonAnnotations: {},
    externalURL: 'https://example.org',
  };
  return withFolder((folder) => {
    const file = join(folder, 'data.json');
    writeFileSync(file, JSON.stringify(data));
    const glob = new URL('generated/websocket.tmpl', ALERTS).pathname;
    const text = `{{ template "${template}" . }}`;
    const { status, output } = run(amtool, [
      'template',
      'render',
      `--template.glob=${glob}`,
      `--template.text=${text}`,
      `--template.data=${file}`,
    ]);
    assert.equal(status, 0, output);
    return output.trim();
  });
}
