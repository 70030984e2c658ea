import { VANISHED_ERROR_TYPES } from '../../../service/src/metrics/metrics.ts';
import { ADMISSION_REJECTIONS } from '../../../service/src/protocol/protocol.ts';
import { eachInstance, INSTANCE, SERVICE, type Alert, type Context } from '../rule.ts';

/** Alerts about errors that are not told by an error budget. */
export const ERRORS: readonly Alert[] = [
  {
    name: 'WebsocketErrorRatioHigh',
    summary: 'Many messages and handshakes end in errors.',
    thresholdDoc:
      "Errors of messages and handshakes, clients' own faults included, as a share of them: 0.01 is 1 %. Clients that vanish are none, and handshakes refused by admission have an alert of their own.",
    scope: 'service',
    enabled: true,
    settings: {
      window: { value: '5m', doc: 'Time over which the share is measured.', ofSamples: true },
      minErrors: {
        value: 10,
        doc: 'Minimum number of errors within `window`: with little traffic one error is a large share.',
      },
    },
    tiers: [{ severity: 'warning', for: '5m', threshold: 0.01 }],
    expr: (c: Context): string => {
      const sum = (metric: string, matchers = ''): string =>
        `sum ${c.by()} (increase(${metric}{${c.selector}${matchers}}[${c.setting('window')}]))`;
      // Handshakes are counted by their reason, so that refusals by admission can be left out.
      const left = [...VANISHED_ERROR_TYPES, 'handshake_rejected'];
      const ofMessages = sum('websocket_errors_total', `,type!~"${left.join('|')}"`);
      const refused = sum('websocket_handshakes_rejected_total', `,reason!~"${ADMISSION_REJECTIONS.join('|')}"`);
      const errors = `(${ofMessages} + ${refused})`;
      return [
        errors,
        '/ (',
        `    ${sum('websocket_messages_total')}`,
        `  + ${sum('websocket_messages_rejected_total')}`,
        `  + ${sum('websocket_connections_opened_total')}`,
        `  + ${sum('websocket_handshakes_rejected_total')}`,
        `) > ${c.threshold}`,
        `and ${errors} >= ${c.setting('minErrors')}`,
      ].join('\n');
    },
    description: (c) =>
      `{{ $value | humanizePercentage }} of messages and handshakes of ${SERVICE} ended in an error within ${c.setting('window')} (threshold ${c.thresholdPercent}). websocket_errors_total says of which type.`,
  },
  {
    name: 'WebsocketStoreUnavailable',
    summary: 'The session store fails.',
    thresholdDoc: 'Instances whose store fails, as a share of all, above which it fires.',
    scope: 'service',
    enabled: true,
    settings: {
      window: {
        value: '2m',
        doc: 'Time within which messages or handshakes must fail between scrapes three times: one failure is none.',
        ofSamples: true,
      },
    },
    tiers: [
      { severity: 'critical', for: '1m', threshold: 0.5, keepFiringFor: '2m' },
      { severity: 'warning', for: '1m', threshold: 0, keepFiringFor: '2m' },
    ],
    expr: (c: Context): string => {
      const errors = `websocket_errors_total{${c.selector},type="store"}`;
      return [
        `count ${c.by()} (`,
        `  ${eachInstance(c, `websocket_store_up{${c.selector}}`)} == 0`,
        `  or ${eachInstance(c, `changes(${errors}[${c.setting('window')}])`)} >= 3`,
        ')',
        `/ count ${c.by()} (${eachInstance(c, `websocket_store_up{${c.selector}}`)})`,
        `> ${c.threshold}`,
      ].join('\n');
    },
    description: (c) =>
      `The session store of ${SERVICE} has not answered {{ $value | humanizePercentage }} of the instances, or has made their messages and handshakes fail, for ${c.for}: sessions can not be resumed, and in strict mode clients that send are closed with 1013.`,
  },
  {
    name: 'WebsocketStoreSlow',
    summary: 'The session store is slow.',
    thresholdDoc: 'Seconds that the slowest 1 % of the operations take.',
    scope: 'service',
    enabled: true,
    settings: { window: { value: '5m', doc: 'Time over which operations are measured.', ofSamples: true } },
    tiers: [{ severity: 'warning', for: '5m', threshold: 0.1 }],
    expr: (c) =>
      `histogram_quantile(0.99, sum ${c.by('operation', 'le')} (rate(websocket_store_operation_duration_seconds_bucket{${c.selector}}[${c.setting('window')}]))) > ${c.threshold}`,
    description: (c) =>
      `The slowest hundredth of the {{ $labels.operation }} operations of the session store of ${SERVICE} has taken {{ $value | humanizeDuration }} or longer (threshold ${c.threshold} s) for ${c.for}.`,
  },
  {
    name: 'WebsocketStoreNotAcknowledged',
    summary: 'Replicas of the session store, or its disk, do not acknowledge counts.',
    thresholdDoc: 'Batches within `window` that were not acknowledged in time.',
    scope: 'service',
    enabled: true,
    settings: { window: { value: '2m', doc: 'Time over which these batches are counted.', ofSamples: true } },
    tiers: [{ severity: 'warning', for: '1m', threshold: 0 }],
    expr: (c) =>
      `sum ${c.by('reason')} (increase(websocket_store_errors_total{${c.selector},reason=~"too_few_replicas|not_on_disk"}[${c.setting('window')}])) > ${c.threshold}`,
    description: (c) =>
      `{{ $value | humanize }} batches of ${SERVICE} were not acknowledged within ${c.setting('window')} ({{ $labels.reason }}), as STORE_REPLICAS or STORE_FSYNC ask: their messages are not answered.`,
  },
  {
    name: 'WebsocketLogLinesDropped',
    summary: 'Log lines are lost.',
    thresholdDoc: 'Lines lost within `window`. Those lost at the end of a drain have an alert of their own.',
    scope: 'service',
    enabled: true,
    settings: { window: { value: '5m', doc: 'Time over which lost lines are counted.', ofSamples: true } },
    tiers: [{ severity: 'warning', for: '0m', threshold: 0 }],
    expr: (c) =>
      `sum ${c.by('destination', 'reason')} (increase(websocket_log_lines_dropped_total{${c.selector},reason!="shutdown"}[${c.setting('window')}])) > ${c.threshold}`,
    description: (c) =>
      `${SERVICE} lost {{ $value | humanize }} log lines to {{ $labels.destination }} within ${c.setting('window')} ({{ $labels.reason }}): the log has a gap.`,
  },
  {
    name: 'WebsocketLogLinesLate',
    summary: 'Log lines do not get to Loki.',
    thresholdDoc: 'Seconds that the oldest line waits.',
    scope: 'instance',
    enabled: true,
    tiers: [{ severity: 'warning', for: '2m', threshold: 60, keepFiringFor: '2m' }],
    expr: (c) => `${eachInstance(c, `websocket_loki_lag_seconds{${c.selector}}`)} > ${c.threshold}`,
    description: (c) =>
      `The oldest log line of ${INSTANCE} has waited for Loki for {{ $value | humanizeDuration }} (threshold ${c.threshold} s); when its memory for lines is full, the oldest are dropped.`,
  },
];
