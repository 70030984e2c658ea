import { BY_INSTANCE, BY_SERVICE, INSTANCE, SERVICE, type Alert, type Context } from '../rule.ts';

/** Alerts about errors that are not told by an error budget. */
export const ERRORS: readonly Alert[] = [
  {
    name: 'WebsocketErrorRatioHigh',
    summary: 'Many messages and handshakes end in errors.',
    thresholdDoc:
      "Errors of every type, clients' own faults included, as a share of messages and handshakes: 0.01 is 1 %.",
    scope: 'service',
    enabled: true,
    settings: {
      window: { value: '5m', doc: 'Time over which the share is measured.' },
      minErrors: {
        value: 10,
        doc: 'Minimum number of errors within `window`: with little traffic one error is a large share.',
      },
    },
    tiers: [{ severity: 'warning', for: '5m', threshold: 0.01 }],
    expr: (c: Context): string => {
      const sum = (metric: string): string =>
        `sum ${BY_SERVICE} (increase(${metric}{${c.selector}}[${c.setting('window')}]))`;
      return [
        sum('websocket_errors_total'),
        '/ (',
        `    ${sum('websocket_messages_total')}`,
        `  + ${sum('websocket_messages_rejected_total')}`,
        `  + ${sum('websocket_connections_opened_total')}`,
        `  + ${sum('websocket_handshakes_rejected_total')}`,
        `) > ${c.threshold}`,
        `and ${sum('websocket_errors_total')} >= ${c.setting('minErrors')}`,
      ].join('\n');
    },
    description: (c) =>
      `{{ $value | humanizePercentage }} of messages and handshakes of ${SERVICE} ended in an error within ${c.setting('window')} (threshold ${c.thresholdPercent}). websocket_errors_total says of which type.`,
  },
  {
    name: 'WebsocketStoreUnavailable',
    summary: 'The session store fails.',
    thresholdDoc: 'Messages and handshakes a second that fail because of the store.',
    scope: 'service',
    enabled: true,
    settings: {
      window: {
        value: '1m',
        doc: 'Time over which the rate is measured; no longer than `for`, so that a single error does not fire.',
      },
    },
    tiers: [{ severity: 'critical', for: '1m', threshold: 0 }],
    expr: (c) =>
      [
        `count ${BY_SERVICE} (websocket_store_up{${c.selector}} == 0) > 0`,
        'or',
        `sum ${BY_SERVICE} (rate(websocket_errors_total{${c.selector},type="store"}[${c.setting('window')}])) > ${c.threshold}`,
      ].join('\n'),
    description: (c) =>
      `The session store of ${SERVICE} has not answered, or has made messages and handshakes fail, for ${c.for}: clients are closed with 1013, and sessions can not be resumed.`,
  },
  {
    name: 'WebsocketStoreSlow',
    summary: 'The session store is slow.',
    thresholdDoc: 'Seconds that the slowest 1 % of the operations take.',
    scope: 'service',
    enabled: true,
    settings: { window: { value: '5m', doc: 'Time over which operations are measured.' } },
    tiers: [{ severity: 'warning', for: '5m', threshold: 0.1 }],
    expr: (c) =>
      `histogram_quantile(0.99, sum by (namespace, job, release, operation, le) (rate(websocket_store_operation_duration_seconds_bucket{${c.selector}}[${c.setting('window')}]))) > ${c.threshold}`,
    description: (c) =>
      `The slowest hundredth of the {{ $labels.operation }} operations of the session store of ${SERVICE} has taken {{ $value | humanizeDuration }} or longer (threshold ${c.threshold} s) for ${c.for}.`,
  },
  {
    name: 'WebsocketLogLinesDropped',
    summary: 'Log lines are lost.',
    thresholdDoc: 'Lines lost within `window`.',
    scope: 'service',
    enabled: true,
    settings: { window: { value: '5m', doc: 'Time over which lost lines are counted.' } },
    tiers: [{ severity: 'warning', for: '0m', threshold: 0 }],
    expr: (c) =>
      `sum by (namespace, job, release, destination, reason) (increase(websocket_log_lines_dropped_total{${c.selector}}[${c.setting('window')}])) > ${c.threshold}`,
    description: (c) =>
      `${SERVICE} lost {{ $value | humanize }} log lines to {{ $labels.destination }} within ${c.setting('window')} ({{ $labels.reason }}): the log has a gap.`,
  },
  {
    name: 'WebsocketLogLinesLate',
    summary: 'Log lines do not get to Loki.',
    thresholdDoc: 'Seconds that the oldest line waits.',
    scope: 'instance',
    enabled: true,
    tiers: [{ severity: 'warning', for: '2m', threshold: 60 }],
    expr: (c) => `max ${BY_INSTANCE} (websocket_loki_lag_seconds{${c.selector}}) > ${c.threshold}`,
    description: (c) =>
      `The oldest log line of ${INSTANCE} has waited for Loki for {{ $value | humanizeDuration }} (threshold ${c.threshold} s); when its memory for lines is full, the oldest are dropped.`,
  },
];
