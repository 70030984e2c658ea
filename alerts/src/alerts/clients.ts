import { ADMISSION_REJECTIONS } from '../../../service/src/protocol/protocol.ts';
import { SERVICE, type Alert, type Context } from '../rule.ts';

/** Alerts about how clients behave. */
export const CLIENTS: readonly Alert[] = [
  {
    name: 'WebsocketConnectionsTooFew',
    summary: 'Fewer connections are open than there should be.',
    thresholdDoc: 'Open connections of the whole service below which it fires.',
    scope: 'service',
    enabled: false,
    tiers: [{ severity: 'warning', for: '10m', threshold: 1 }],
    expr: (c) => `sum ${c.by()} (websocket_active_connections{${c.selector}}) < ${c.threshold}`,
    description: (c) =>
      `${SERVICE} has had {{ $value | humanize }} open connections for ${c.for}, fewer than ${c.threshold}: clients do not find their way to it.`,
  },
  {
    name: 'WebsocketConnectionsDropped',
    summary: 'Far fewer connections are open than usual.',
    thresholdDoc:
      'Connections lost since an hour ago, as a share of those; where there are figures of a week ago, since then too.',
    scope: 'service',
    enabled: true,
    settings: {
      minConnections: { value: 50, doc: 'Minimum number of connections an hour ago.' },
      hour: { value: '1h', doc: 'How far back it looks for what there was just now.' },
      week: { value: '1w', doc: 'How far back it looks for what is usual at this time.' },
    },
    tiers: [
      { severity: 'critical', for: '5m', threshold: 0.9 },
      { severity: 'warning', for: '10m', threshold: 0.5 },
    ],
    expr: (c: Context): string => {
      const open = (offset = ''): string => `sum ${c.by()} (websocket_active_connections{${c.selector}}${offset})`;
      const ready = (offset = ''): string => `sum ${c.by()} (websocket_ready{${c.selector}}${offset})`;
      const hour = ` offset ${c.setting('hour')}`;
      const week = ` offset ${c.setting('week')}`;
      return [
        `1 - ${open()} / (${open(hour)} >= ${c.setting('minConnections')})`,
        `> ${c.threshold}`,
        // Every night, every weekend.
        `unless ${open()} >= (1 - ${c.threshold}) * ${open(week)}`,
        // A scale-down follows the clients that went; where instances failed, others tell.
        `unless ${ready()} < ${ready(hour)}`,
      ].join('\n');
    },
    description: (c) =>
      `${SERVICE} has lost {{ $value | humanizePercentage }} of the connections that it had ${c.setting('hour')} ago (threshold ${c.thresholdPercent}), though as many instances are ready: clients do not find their way to it.`,
  },
  {
    name: 'WebsocketReconnectStorm',
    summary: 'Clients connect over and over again.',
    thresholdDoc:
      'Handshakes within `window`, accepted or refused, for each connection that is open: how often each client came back.',
    scope: 'service',
    enabled: true,
    settings: {
      window: { value: '5m', doc: 'Time over which handshakes are counted.', ofSamples: true },
      minHandshakesPerSecond: {
        value: 10,
        doc: 'Minimum rate of handshakes: a few clients that reconnect often are no storm.',
      },
    },
    tiers: [{ severity: 'warning', for: '5m', threshold: 3 }],
    expr: (c: Context): string => {
      const sum = (of: string): string => `sum ${c.by()} (${of})`;
      const over = (call: string, metric: string): string =>
        `${call}(${metric}{${c.selector}}[${c.setting('window')}])`;
      const handshakes = (call: string): string =>
        `(${sum(over(call, 'websocket_connections_opened_total'))} + ${sum(over(call, 'websocket_handshakes_rejected_total'))})`;
      return [
        handshakes('increase'),
        `/ clamp_min(${sum(over('avg_over_time', 'websocket_active_connections'))}, 1)`,
        `> ${c.threshold}`,
        `and ${handshakes('rate')} > ${c.setting('minHandshakesPerSecond')}`,
      ].join('\n');
    },
    description: (c) =>
      `Within ${c.setting('window')} ${SERVICE} saw {{ $value | humanize }} handshakes for each open connection (threshold ${c.threshold}): clients are cut or refused, and come back at once.`,
  },
  {
    name: 'WebsocketHandshakesThrottled',
    summary: 'Handshakes are turned away to protect the service.',
    thresholdDoc: `Handshakes refused by admission (${ADMISSION_REJECTIONS.join(', ')}), as a share of all. They count against no error budget: the client is to wait and come again.`,
    scope: 'service',
    enabled: true,
    settings: {
      window: { value: '5m', doc: 'Time over which handshakes are counted.', ofSamples: true },
      minRefusalsPerSecond: { value: 1, doc: 'Minimum rate of refusals: a few are what a limit is for.' },
    },
    tiers: [{ severity: 'warning', for: '5m', threshold: 0.1 }],
    expr: (c: Context): string => {
      const rate = (metric: string, matchers = ''): string =>
        `sum ${c.by()} (rate(${metric}{${c.selector}${matchers}}[${c.setting('window')}]))`;
      const refused = rate('websocket_handshakes_rejected_total', `,reason=~"${ADMISSION_REJECTIONS.join('|')}"`);
      return [
        refused,
        `/ (${rate('websocket_connections_opened_total')} + ${rate('websocket_handshakes_rejected_total')})`,
        `> ${c.threshold}`,
        `and ${refused} > ${c.setting('minRefusalsPerSecond')}`,
      ].join('\n');
    },
    description: (c) =>
      `{{ $value | humanizePercentage }} of the handshakes with ${SERVICE} were refused by its admission within ${c.setting('window')} (threshold ${c.thresholdPercent}): a storm, a client that does not wait, or a limit that is too low.`,
  },
  {
    name: 'WebsocketSessionsUnusuallyLong',
    summary: 'Connections last unusually long.',
    thresholdDoc: 'Age in seconds of the oldest 5 % of the closed connections.',
    scope: 'service',
    enabled: true,
    settings: {
      window: { value: '1h', doc: 'Window of the closed connections.', ofSamples: true },
      minConnections: { value: 20, doc: 'Minimum number of connections closed within `window`.' },
    },
    tiers: [{ severity: 'info', for: '1h', threshold: 172_800 }],
    expr: (c: Context): string => {
      const closed = (suffix: string, ...labels: string[]): string =>
        `sum ${c.by(...labels)} (increase(websocket_connection_duration_seconds_${suffix}{${c.selector}}[${c.setting('window')}]))`;
      return [
        `histogram_quantile(0.95, ${closed('bucket', 'le')})`,
        `> ${c.threshold}`,
        `and ${closed('count')} >= ${c.setting('minConnections')}`,
      ].join('\n');
    },
    description: (c) =>
      `Of the connections to ${SERVICE} that closed within ${c.setting('window')}, one in twenty had been open for {{ $value | humanizeDuration }} or longer: old instances stay full, and new ones empty.`,
  },
  {
    name: 'WebsocketProbeFailing',
    summary: 'Clients outside can not connect.',
    scope: 'service',
    enabled: true,
    tiers: [{ severity: 'critical', for: '3m', keepFiringFor: '2m' }],
    expr: (c) =>
      `max ${c.by('instance')} (label_replace(probe_success{${c.probeSelector}}, "job", "${c.job}", "", "")) == 0`,
    description: (c) =>
      `The probe of {{ $labels.instance }} of ${SERVICE} has failed for ${c.for}: what is between clients and the service (DNS, certificate, load balancer, ingress) is the first to look at.`,
  },
];
