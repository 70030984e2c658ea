import { ALERT_LINKS, linkTo } from '../links.ts';
import { SIZE, UNITS, type Column, type PanelSpec, type Threshold } from '../panel.ts';
import { CLIENTS_TYPES, SERVICES_TYPES } from './errors.ts';
import { INSTANCE_STATES } from './health.ts';

const BUDGET: readonly Threshold[] = [
  [null, 'red'],
  [0, 'orange'],
  [0.25, 'green'],
];
const SHARE: readonly Threshold[] = [
  [null, 'red'],
  [0.99, 'orange'],
  [0.999, 'green'],
];
const OF_LIMIT: readonly Threshold[] = [
  [null, 'green'],
  [0.8, 'orange'],
  [0.95, 'red'],
];

/** Is it well? */
const STRIP: readonly PanelSpec[] = [
  {
    title: 'Alerts',
    description:
      'Firing alerts that page and that make a ticket. Good is none; no data means that no rules are loaded.',
    unit: UNITS.number,
    look: {
      kind: 'stat',
      named: true,
      own: {
        warning: [
          [null, 'green'],
          [1, 'orange'],
        ],
      },
    },
    queries: [
      { query: 'criticalAlerts', legend: 'critical' },
      { query: 'warningAlerts', legend: 'warning' },
    ],
    thresholds: [
      [null, 'green'],
      [1, 'red'],
    ],
    ...SIZE.wideStrip,
  },
  {
    title: 'Ready of Wanted',
    description:
      'Instances that take connections, of those that the Deployment wants; without kube-state-metrics, of those that Prometheus knows. Good is all of them.',
    unit: UNITS.number,
    look: { kind: 'stat', named: true, maxFrom: 'wantedInstances', own: { wanted: [[null, 'text']] } },
    queries: [
      { query: 'readyInstances', legend: 'ready' },
      { query: 'wantedInstances', legend: 'wanted' },
    ],
    thresholds: [
      [null, 'red'],
      [50, 'orange'],
      [100, 'green'],
    ],
    ...SIZE.wideStrip,
  },
  {
    title: 'Fullest Pod',
    description:
      'Connections of the instance that is nearest to its limit, as a share of it. Good is below 80 %; at 100 % its handshakes get 503.',
    unit: UNITS.share,
    look: { kind: 'stat', decimals: 0 },
    queries: [{ query: 'fullestPod', legend: 'of its limit' }],
    thresholds: OF_LIMIT,
    ...SIZE.wideStrip,
  },
  {
    title: 'Good Messages',
    description:
      'Share of messages that were answered within the latency bound and without an error of the service, in the selected time range. Good is the objective, 99.9 %, or more.',
    unit: UNITS.share,
    look: { kind: 'stat', decimals: 2 },
    queries: [{ query: 'goodMessages', legend: 'good' }],
    thresholds: SHARE,
    ...SIZE.strip,
  },
  {
    title: 'Good Handshakes',
    description:
      'Share of handshakes that the service did not refuse for a fault of its own, in the selected time range; no data without handshakes. Good is the objective, 99.9 %, or more.',
    unit: UNITS.share,
    look: { kind: 'stat', decimals: 2 },
    queries: [{ query: 'goodHandshakes', legend: 'good' }],
    thresholds: SHARE,
    ...SIZE.strip,
  },
  {
    title: 'Message Budget',
    description:
      'What is left of the errors that the objective for messages allows within 30 days. Good is above a quarter; exhausted is a broken promise.',
    unit: UNITS.share,
    look: { kind: 'stat', decimals: 1, exhausted: 'exhausted' },
    queries: [{ query: 'messageBudget', legend: 'left' }],
    thresholds: BUDGET,
    ...SIZE.strip,
  },
  {
    title: 'Handshake Budget',
    description:
      'What is left of the refusals that the objective for handshakes allows within 30 days. Good is above a quarter; exhausted is a broken promise.',
    unit: UNITS.share,
    look: { kind: 'stat', decimals: 1, exhausted: 'exhausted' },
    queries: [{ query: 'handshakeBudget', legend: 'left' }],
    thresholds: BUDGET,
    ...SIZE.strip,
  },
];

/** The four panels of the observability guide. */
const KEY: readonly PanelSpec[] = [
  {
    title: 'Active Connections',
    description:
      'Connections open now, against the sum of the limits of all instances. Good is below 80 %; a single instance that is full shows in Fullest Pod.',
    unit: UNITS.number,
    look: { kind: 'gauge', maxFrom: 'connectionLimit' },
    queries: [{ query: 'activeConnections', legend: 'connections' }],
    thresholds: [
      [null, 'blue'],
      [80, 'orange'],
      [95, 'red'],
    ],
    ...SIZE.key,
  },
  {
    title: 'Message Rate',
    description:
      'Messages counted and answered a second, by instance. Good is normal for the time of day, and even over the instances.',
    unit: UNITS.messages,
    look: { kind: 'graph', stacked: true },
    queries: [{ query: 'messageRate', legend: '{{pod}}' }],
    byPod: true,
    ...SIZE.key,
  },
  {
    title: 'Error Rate',
    description:
      "Errors a second by type: the service's in red, the clients' in grey. Good is none in red: store, handler and internal.",
    unit: UNITS.errors,
    look: { kind: 'graph' },
    queries: [{ query: 'errorRate', legend: '{{type}}' }],
    colours: [
      [SERVICES_TYPES, 'red'],
      [CLIENTS_TYPES, 'gray'],
    ],
    emptyWhenWell: 'no errors',
    ...SIZE.key,
  },
  {
    title: 'Connection Duration',
    description:
      'How long the connections that closed had been open, and when they closed. Good is what your clients do; a band at the bottom is clients that are cut or refused after the handshake.',
    unit: UNITS.seconds,
    look: { kind: 'heatmap' },
    queries: [{ query: 'connectionDurations', legend: '{{le}}' }],
    ...SIZE.key,
  },
];

/** The column of a pod, each a link to its log. */
const POD: Column = {
  title: 'Pod',
  width: 6,
  isPod: true,
  links: [{ title: 'Logs of ${__value.raw}', url: linkTo('logs', { pod: '${__value.raw}' }) }],
};

const POD_COLUMNS: Readonly<Record<string, Column>> = {
  pod: POD,
  'Value #A': { title: 'State', width: 9.5, states: INSTANCE_STATES },
  'Value #B': { title: 'Open', width: 5.5, unit: UNITS.number },
  'Value #C': { title: 'Of limit', width: 6.5, unit: UNITS.share, decimals: 0, thresholds: OF_LIMIT },
  'Value #D': { title: 'Msgs/s', width: 6, unit: UNITS.number, decimals: 1 },
  'Value #E': {
    title: 'Errs/s',
    width: 6,
    unit: UNITS.number,
    decimals: 1,
    thresholds: [
      [null, 'text'],
      [0.05, 'orange'],
    ],
  },
  'Value #F': {
    title: 'Lag',
    width: 6,
    unit: UNITS.seconds,
    decimals: 0,
    thresholds: [
      [null, 'text'],
      [0.1, 'orange'],
      [1, 'red'],
    ],
  },
  'Value #G': {
    title: 'Memory',
    width: 7,
    unit: UNITS.share,
    decimals: 0,
    thresholds: [
      [null, 'text'],
      [0.85, 'orange'],
      [0.95, 'red'],
    ],
  },
  'Value #H': { title: 'Age', width: 6, unit: UNITS.seconds, decimals: 0 },
  version: { title: 'Version' },
};

/** And if not, what? */
const TABLES: readonly PanelSpec[] = [
  {
    title: 'Firing Alerts',
    description:
      'Firing alerts of these releases; a click on a name leads to its runbook, to a silence, and to the log. Good is an empty table.',
    unit: UNITS.none,
    look: {
      kind: 'table',
      columns: {
        severity: {
          title: 'Severity',
          width: 7,
          states: {
            critical: { text: 'critical', color: 'red' },
            warning: { text: 'warning', color: 'orange' },
            info: { text: 'info', color: 'blue' },
          },
        },
        alertname: { title: 'Alert', links: ALERT_LINKS },
        namespace: { title: 'Namespace', width: 9.5 },
        release: { title: 'Release', width: 7 },
        pod: POD,
        Value: { title: 'For', width: 5, unit: UNITS.seconds, decimals: 0 },
      },
      sort: { title: 'Severity', descending: false },
    },
    queries: [{ query: 'firingAlerts', legend: '' }],
    emptyWhenWell: 'no alert fires',
    width: 11,
    height: 6,
  },
  {
    title: 'Pods',
    description:
      "Each instance, the worst state first; a click on its name leads to its log. Open is its connections, Msgs/s and Errs/s are messages and errors a second, Lag is the event loop's 99th percentile, Memory is a share of the container's limit. Good is every one ready, with even numbers.",
    unit: UNITS.none,
    look: { kind: 'table', columns: POD_COLUMNS, sort: { title: 'State', descending: false } },
    queries: [
      { query: 'instanceStates', legend: '' },
      { query: 'connectionsByPod', legend: '' },
      { query: 'connectionUse', legend: '' },
      { query: 'messagesByPod', legend: '' },
      { query: 'errorsByPod', legend: '' },
      { query: 'loopLagP99', legend: '' },
      { query: 'memoryUse', legend: '' },
      { query: 'uptime', legend: '' },
      { query: 'versionByPod', legend: '' },
    ],
    width: 13,
    height: 6,
  },
];

/** What tells within five seconds whether all is well, and if not, what is wrong. */
export const FIRST_SCREEN: readonly PanelSpec[] = [...STRIP, ...KEY, ...TABLES];
