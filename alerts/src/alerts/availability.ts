import { BY_INSTANCE, BY_SERVICE, INSTANCE, SERVICE, type Alert, type Context } from '../rule.ts';

/** Alerts about instances that are away, not ready, or come and go. */
export const AVAILABILITY: readonly Alert[] = [
  {
    name: 'WebsocketServiceDown',
    summary: 'No instance is ready for connections.',
    scope: 'service',
    enabled: true,
    tiers: [{ severity: 'critical', for: '1m' }],
    expr: ({ selector }) =>
      `sum ${BY_SERVICE} (websocket_ready{${selector}}) == 0\nor\nabsent(websocket_ready{${selector}})`,
    description: (c) =>
      `No instance of ${SERVICE} that Prometheus can reach has been ready for ${c.for}: clients can not connect.`,
  },
  {
    name: 'WebsocketInstanceUnreachable',
    summary: 'An instance does not answer scrapes.',
    scope: 'instance',
    enabled: true,
    tiers: [{ severity: 'warning', for: '2m' }],
    expr: ({ selector }) => `max ${BY_INSTANCE} (up{${selector}}) == 0`,
    description: (c) =>
      `${INSTANCE} has not answered Prometheus for ${c.for}: it is frozen, crashing, cut off, or never started.`,
  },
  {
    name: 'WebsocketInstanceNotReady',
    summary: 'An instance runs but is not ready.',
    scope: 'instance',
    enabled: true,
    tiers: [{ severity: 'warning', for: '5m' }],
    expr: ({ selector }) =>
      [
        `max ${BY_INSTANCE} (websocket_ready{${selector}}) == 0`,
        `unless max ${BY_INSTANCE} (websocket_draining{${selector}}) == 1`,
      ].join('\n'),
    description: (c) =>
      `${INSTANCE} has answered scrapes but not been ready for ${c.for}, and it is not draining: it takes no connections.`,
  },
  {
    name: 'WebsocketRestarting',
    summary: 'An instance restarts again and again.',
    thresholdDoc: 'Restarts of one instance within `window` at which it fires.',
    scope: 'instance',
    enabled: true,
    settings: { window: { value: '15m', doc: 'Time over which restarts are counted.' } },
    tiers: [{ severity: 'warning', for: '0m', threshold: 2 }],
    expr: (c) =>
      `max ${BY_INSTANCE} (changes(process_start_time_seconds{${c.selector}}[${c.setting('window')}])) >= ${c.threshold}`,
    description: (c) =>
      `${INSTANCE} restarted {{ $value | humanize }} times within ${c.setting('window')}; each restart cuts its connections.`,
  },
  {
    name: 'WebsocketRolloutStuck',
    summary: 'A rollout does not come to its end.',
    scope: 'service',
    enabled: true,
    settings: {
      memory: {
        value: '6h',
        doc: 'How far back an instance must have been up to count as failed, not as never started.',
      },
    },
    tiers: [{ severity: 'warning', for: '15m' }],
    expr: (c) =>
      [
        `count ${BY_SERVICE} (count by (namespace, job, release, version) (websocket_build_info{${c.selector}})) > 1`,
        'or',
        `count ${BY_SERVICE} (up{${c.selector}} == 0 and max_over_time(up{${c.selector}}[${c.setting('memory')}]) == 0) > 0`,
        'or',
        stalledDeployment(c),
      ].join('\n'),
    description: (c) =>
      `${SERVICE} has for ${c.for} had two versions side by side, or a new instance that never came up, or a Deployment that reports no progress.`,
  },
];

/** What kube-state-metrics says, with the labels of the service's own series; no result where it is not there. */
function stalledDeployment({ deploymentSelector, job, release }: Context): string {
  const stalled = `max by (namespace) (kube_deployment_status_condition{${deploymentSelector},condition="Progressing",status="false"}) == 1`;
  const labelled = `label_replace(${stalled}, "job", "${job}", "", "")`;
  return release === '' ? labelled : `label_replace(${labelled}, "release", "${release}", "", "")`;
}
