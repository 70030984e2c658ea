import { ofDeployment } from '../kube-state-metrics.ts';
import { eachInstance, INSTANCE, SERVICE, type Alert, type Context } from '../rule.ts';

/** An instance that has been a target for so long without an answer has failed to start. */
const STARTUP = { value: '15m', doc: 'How long an instance may take to answer for the first time.' };

/** Alerts about instances that are away, not ready, or come and go. */
export const AVAILABILITY: readonly Alert[] = [
  {
    name: 'WebsocketServiceDown',
    summary: 'No instance is ready for connections.',
    scope: 'service',
    enabled: true,
    settings: {
      memory: {
        value: '10m',
        doc: 'How far back an instance is looked for that went away without a drain.',
        ofSamples: true,
      },
      startup: STARTUP,
    },
    tiers: [{ severity: 'critical', for: '1m' }],
    expr: (c: Context): string => {
      const there = `count ${c.by()} (websocket_ready{${c.selector}})`;
      const draining = `websocket_draining{${c.selector}}`;
      const wanted = ofDeployment(c, 'kube_deployment_spec_replicas');
      return [
        // Some are there, none is ready, and not all of them drain, as the last ones do when the service is scaled to 0.
        '((',
        `  sum ${c.by()} (websocket_ready{${c.selector}}) == 0`,
        `  unless min ${c.by()} (${draining}) == 1`,
        ') or (',
        // None is there, and one of the last did not drain: a scale to 0 and a service that is not there yet are silent.
        `  count ${c.by()} (last_over_time(${draining}[${c.setting('memory')}]) == 0)`,
        `  unless ${there}`,
        ') or (',
        // Nothing has answered for as long as a start may take.
        `  max ${c.by()} (up{${c.selector}}) == 0`,
        `  and max ${c.by()} (up{${c.selector}} offset ${c.setting('startup')}) == 0`,
        `  unless ${there}`,
        ') or (',
        // Once it fires it goes on until an instance is there again, however far back the last one is.
        `  max ${c.by()} (ALERTS{alertname="WebsocketServiceDown",alertstate="firing",${c.selector}})`,
        `  unless ${there}`,
        '))',
        `unless ${wanted} == 0`,
      ].join('\n');
    },
    description: (c) =>
      `No instance of ${SERVICE} that Prometheus can reach has been ready for ${c.for}: clients can not connect.`,
  },
  {
    name: 'WebsocketInstanceUnreachable',
    summary: 'An instance does not answer scrapes.',
    scope: 'instance',
    enabled: true,
    settings: { startup: STARTUP },
    tiers: [{ severity: 'warning', for: '2m' }],
    expr: (c: Context): string => {
      const up = `up{${c.selector}}`;
      return [
        `${eachInstance(c, up)} == 0`,
        // An image that is being pulled is no outage.
        'and (',
        `  ${eachInstance(c, `max_over_time(${up}[${c.setting('startup')}])`)} == 1`,
        `  or ${eachInstance(c, `${up} offset ${c.setting('startup')}`)} == 0`,
        ')',
      ].join('\n');
    },
    description: (c) =>
      `${INSTANCE} has not answered Prometheus for ${c.for}: it is frozen, crashing, cut off, or never started.`,
  },
  {
    name: 'WebsocketInstanceNotReady',
    summary: 'An instance runs but is not ready.',
    scope: 'instance',
    enabled: true,
    tiers: [{ severity: 'warning', for: '5m' }],
    expr: (c) =>
      [
        `${eachInstance(c, `websocket_ready{${c.selector}}`)} == 0`,
        `unless ${eachInstance(c, `websocket_draining{${c.selector}}`)} == 1`,
      ].join('\n'),
    description: (c) =>
      `${INSTANCE} has answered scrapes but not been ready for ${c.for}, and it is not draining: it takes no connections.`,
  },
  {
    name: 'WebsocketReplicasMissing',
    summary: 'Fewer instances are available than are wanted.',
    thresholdDoc: 'Instances that are missing, as a share of those wanted. Needs kube-state-metrics.',
    scope: 'service',
    enabled: true,
    tiers: [
      { severity: 'critical', for: '10m', threshold: 0.5 },
      { severity: 'warning', for: '15m', threshold: 0 },
    ],
    expr: (c: Context): string => {
      const wanted = ofDeployment(c, 'kube_deployment_spec_replicas');
      const available = ofDeployment(c, 'kube_deployment_status_replicas_available');
      return `(${wanted} - ${available})\n/ (${wanted} > 0)\n> ${c.threshold}`;
    },
    description: (c) =>
      `{{ $value | humanizePercentage }} of the instances of ${SERVICE} that its Deployment wants have not been available for ${c.for} (threshold ${c.thresholdPercent}): the others carry their clients.`,
  },
  {
    name: 'WebsocketRestarting',
    summary: 'An instance restarts again and again.',
    thresholdDoc: 'Restarts of one instance within `window` at which it fires.',
    scope: 'instance',
    enabled: true,
    settings: { window: { value: '15m', doc: 'Time over which restarts are counted.', ofSamples: true } },
    tiers: [{ severity: 'warning', for: '0m', threshold: 2 }],
    expr: (c) =>
      `${eachInstance(c, `changes(process_start_time_seconds{${c.selector}}[${c.setting('window')}])`)} >= ${c.threshold}`,
    description: (c) =>
      `${INSTANCE} restarted {{ $value | humanize }} times within ${c.setting('window')}; each restart cuts its connections.`,
  },
  {
    name: 'WebsocketRolloutStuck',
    summary: 'A rollout does not come to its end.',
    scope: 'service',
    enabled: true,
    settings: {
      window: { value: '10m', doc: 'Time within which an instance must have come or gone.', ofSamples: true },
      memory: {
        value: '6h',
        doc: 'How far back an instance must have been up to count as failed, not as never started.',
      },
    },
    tiers: [{ severity: 'warning', for: '5m' }],
    expr: (c: Context): string => {
      const info = `websocket_build_info{${c.selector}}`;
      const before = `${info} offset ${c.setting('window')}`;
      const up = `up{${c.selector}}`;
      return [
        // Two versions side by side, and none has come or gone: a rollout of many instances takes its time.
        `count ${c.by()} (count ${c.by('version')} (${info})) > 1`,
        `and count ${c.by()} (${info} and ${before}) == count ${c.by()} (${info})`,
        `and count ${c.by()} (${info} and ${before}) == count ${c.by()} (${before})`,
        'or',
        `count ${c.by()} (${up} == 0 and ${up} offset ${c.setting('window')} == 0 and max_over_time(${up}[${c.setting('memory')}]) == 0) > 0`,
        'or',
        `${ofDeployment(c, 'kube_deployment_status_condition', 'condition="Progressing"', 'status="false"')} == 1`,
      ].join('\n');
    },
    description: (c: Context) =>
      `${SERVICE} has had two versions side by side with no progress for ${c.setting('window')}, or a new instance that never came up, or a Deployment that reports no progress.`,
  },
];
