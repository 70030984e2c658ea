import { SIZE, type PanelSpec, type Threshold } from '../panel.ts';

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

/** Is it healthy? */
export const HEALTH: readonly PanelSpec[] = [
  {
    title: 'Ready Instances',
    description: 'Instances that take connections. Good is as many as there are replicas.',
    unit: 'short',
    look: { kind: 'stat' },
    queries: [{ query: 'readyInstances', legend: 'ready' }],
    thresholds: [
      [null, 'red'],
      [1, 'green'],
    ],
    ...SIZE.small,
  },
  {
    title: 'Known Instances',
    description:
      'Instances that Prometheus scrapes, ready or not. Good is the number that are ready, except in a rollout.',
    unit: 'short',
    look: { kind: 'stat' },
    queries: [{ query: 'instances', legend: 'scraped' }],
    ...SIZE.small,
  },
  {
    title: 'Good Messages',
    description:
      'Share of messages that were answered within the latency bound and without an error of the service, in the selected time range. Good is the objective, 99.9 %, or more.',
    unit: 'percentunit',
    look: { kind: 'stat', decimals: 3 },
    queries: [{ query: 'goodMessages', legend: 'good' }],
    thresholds: SHARE,
    ...SIZE.small,
  },
  {
    title: 'Good Handshakes',
    description:
      'Share of handshakes that the service did not refuse for a fault of its own, in the selected time range; no data without handshakes. Good is the objective, 99.9 %, or more.',
    unit: 'percentunit',
    look: { kind: 'stat', decimals: 3 },
    queries: [{ query: 'goodHandshakes', legend: 'good' }],
    thresholds: SHARE,
    ...SIZE.small,
  },
  {
    title: 'Message Budget Left',
    description:
      'What is left of the errors that the objective for messages allows within 30 days. Good is above a quarter; below 0 the promise is broken.',
    unit: 'percentunit',
    look: { kind: 'stat', decimals: 1 },
    queries: [{ query: 'messageBudget', legend: 'left' }],
    thresholds: BUDGET,
    ...SIZE.small,
  },
  {
    title: 'Handshake Budget Left',
    description:
      'What is left of the refusals that the objective for handshakes allows within 30 days. Good is above a quarter; below 0 the promise is broken.',
    unit: 'percentunit',
    look: { kind: 'stat', decimals: 1 },
    queries: [{ query: 'handshakeBudget', legend: 'left' }],
    thresholds: BUDGET,
    ...SIZE.small,
  },
  {
    title: 'Error Budget Burn',
    description:
      'How many times faster than allowed the budgets are used up. Good is below 1, at which they last exactly 30 days; 14.4 for an hour pages.',
    unit: 'short',
    look: { kind: 'graph' },
    queries: [
      { query: 'messageBurn', legend: 'messages' },
      { query: 'handshakeBurn', legend: 'handshakes' },
    ],
    thresholds: [
      [null, 'transparent'],
      [1, 'orange'],
      [14.4, 'red'],
    ],
    ...SIZE.third,
  },
  {
    title: 'Instances',
    description:
      'The state that each instance reports. Good is ready; draining is normal in a rollout; a gap is an instance that Prometheus cannot reach.',
    unit: 'none',
    look: {
      kind: 'states',
      states: {
        '0': { text: 'not ready', color: 'red' },
        '1': { text: 'ready', color: 'green' },
        '2': { text: 'draining', color: 'blue' },
        '3': { text: 'draining', color: 'blue' },
      },
    },
    queries: [{ query: 'instanceStates', legend: '{{pod}}' }],
    byPod: true,
    ...SIZE.third,
  },
  {
    title: 'Firing Alerts',
    description: 'Firing alerts of these releases. Good is an empty table.',
    unit: 'none',
    look: { kind: 'table' },
    queries: [{ query: 'firingAlerts', legend: '' }],
    emptyWhenWell: 'no alert fires',
    ...SIZE.third,
  },
];
