import { SIZE, UNITS, type PanelSpec } from '../panel.ts';

/** What do rollouts and drains do? */
export const DRAINS: readonly PanelSpec[] = [
  {
    title: 'Versions',
    description: 'Instances of each version. Good is one version, and two during a rollout.',
    unit: UNITS.number,
    look: { kind: 'graph', stacked: true },
    queries: [{ query: 'versions', legend: '{{version}} on Node.js {{node_version}}' }],
    ...SIZE.quarter,
  },
  {
    title: 'Uptime',
    description:
      'Time since each process began. Good is growing; a fall to 0 under the same name is a restart without a rollout.',
    unit: UNITS.seconds,
    look: { kind: 'graph' },
    queries: [{ query: 'uptime', legend: '{{pod}}' }],
    byPod: true,
    ...SIZE.quarter,
  },
  {
    title: 'Drain Time',
    description:
      'How long each drain has taken so far: since the hook, and since SIGTERM with its limit. Good is well below the limit.',
    unit: UNITS.seconds,
    look: { kind: 'graph' },
    queries: [
      { query: 'drainTime', legend: '{{pod}} in all' },
      { query: 'drainClosing', legend: '{{pod}} since SIGTERM' },
      { query: 'drainLimit', legend: 'limit since SIGTERM' },
    ],
    emptyWhenWell: 'no instance drains, and there is only the limit',
    byPod: true,
    ...SIZE.quarter,
  },
  {
    title: 'Connections Left in Drains',
    description:
      'Connections that a draining instance still has. Good is a slope down to 0, without a cliff at its end.',
    unit: UNITS.number,
    look: { kind: 'graph' },
    queries: [{ query: 'drainLeft', legend: '{{pod}}' }],
    emptyWhenWell: 'no instance drains',
    byPod: true,
    ...SIZE.quarter,
  },
  {
    title: 'Drained Connections',
    description:
      'Connections that drains ended: closed with a bye, or cut because their client did not answer. Good is almost only closed.',
    unit: UNITS.number,
    look: { kind: 'graph', stacked: true, bars: true },
    queries: [{ query: 'drainOutcomes', legend: '{{outcome}}' }],
    colours: [
      ['^closed$', 'green'],
      ['^cut$', 'red'],
    ],
    ...SIZE.third,
  },
  {
    title: 'Closes by Code',
    description:
      "Connections closed a second, by close code and by who began. Good is 1000 and 1001; 1006 is a connection lost without a word, 1011 and 1013 are the service's faults.",
    unit: UNITS.connections,
    look: { kind: 'graph', stacked: true },
    queries: [{ query: 'closesByCode', legend: '{{code}} by {{initiator}}' }],
    emptyWhenWell: 'no connection closes',
    colours: [
      ['^1000 ', 'green'],
      ['^1001 ', 'blue'],
      ['^(1011|1013) ', 'red'],
      ['^1006 ', 'orange'],
      ['^(1002|1003|1005|1007|1008|1009|other) ', 'gray'],
    ],
    ...SIZE.third,
  },
  {
    title: 'Sessions Made and Resumed',
    description:
      'Handshakes a second. Good in a rollout is a wave of resumed ones, as wide as the spread of the closes; a spike is clients that do not wait, a wave of new ones is clients that lost their session.',
    unit: UNITS.handshakes,
    look: { kind: 'graph' },
    queries: [
      { query: 'sessionsCreated', legend: 'made' },
      { query: 'sessionsResumed', legend: 'resumed' },
    ],
    ...SIZE.third,
  },
];
