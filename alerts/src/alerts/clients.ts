import { BY_SERVICE, SERVICE, type Alert, type Context } from '../rule.ts';

/** Alerts about how clients behave. */
export const CLIENTS: readonly Alert[] = [
  {
    name: 'WebsocketConnectionsTooFew',
    summary: 'Fewer connections are open than there should be.',
    thresholdDoc: 'Open connections of the whole service below which it fires.',
    scope: 'service',
    enabled: false,
    tiers: [{ severity: 'warning', for: '10m', threshold: 1 }],
    expr: (c) => `sum ${BY_SERVICE} (websocket_active_connections{${c.selector}}) < ${c.threshold}`,
    description: (c) =>
      `${SERVICE} has had {{ $value | humanize }} open connections for ${c.for}, fewer than ${c.threshold}: clients do not find their way to it.`,
  },
  {
    name: 'WebsocketReconnectStorm',
    summary: 'Clients connect over and over again.',
    thresholdDoc:
      'Handshakes within `window`, accepted or refused, for each connection that is open: how often each client came back.',
    scope: 'service',
    enabled: true,
    settings: {
      window: { value: '5m', doc: 'Time over which handshakes are counted.' },
      minHandshakesPerSecond: {
        value: 10,
        doc: 'Minimum rate of handshakes: a few clients that reconnect often are no storm.',
      },
    },
    tiers: [{ severity: 'warning', for: '5m', threshold: 3 }],
    expr: (c: Context): string => {
      const sum = (of: string): string => `sum ${BY_SERVICE} (${of})`;
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
    name: 'WebsocketSessionsUnusuallyLong',
    summary: 'Connections last unusually long.',
    thresholdDoc: 'Age in seconds of the oldest 5 % of the closed connections.',
    scope: 'service',
    enabled: true,
    settings: {
      window: { value: '1h', doc: 'Window of the closed connections.' },
      minConnections: { value: 20, doc: 'Minimum number of connections closed within `window`.' },
    },
    tiers: [{ severity: 'info', for: '1h', threshold: 172_800 }],
    expr: (c: Context): string => {
      const closed = (suffix: string, by: string): string =>
        `sum by (${by}) (increase(websocket_connection_duration_seconds_${suffix}{${c.selector}}[${c.setting('window')}]))`;
      return [
        `histogram_quantile(0.95, ${closed('bucket', 'namespace, job, release, le')})`,
        `> ${c.threshold}`,
        `and ${closed('count', 'namespace, job, release')} >= ${c.setting('minConnections')}`,
      ].join('\n');
    },
    description: (c) =>
      `Of the connections to ${SERVICE} that closed within ${c.setting('window')}, one in twenty had been open for {{ $value | humanizeDuration }} or longer: old instances stay full, and new ones empty.`,
  },
];
