import { SIZE, UNITS, type PanelSpec } from '../panel.ts';

/** Do log lines get where they should? */
export const LOG_PATH: readonly PanelSpec[] = [
  {
    title: 'Log Lines Shipped',
    description: 'Lines a second, by destination. Good is the same for all destinations in use.',
    unit: UNITS.lines,
    look: { kind: 'graph' },
    queries: [{ query: 'linesShipped', legend: '{{destination}}' }],
    ...SIZE.quarter,
  },
  {
    title: 'Log Lines Dropped',
    description: 'Lines lost a second, by destination and reason. Good is 0: each one is a gap in the log.',
    unit: UNITS.lines,
    look: { kind: 'graph' },
    queries: [{ query: 'linesDropped', legend: '{{destination}} {{reason}}' }],
    colours: [['.', 'red']],
    emptyWhenWell: 'no line is lost',
    ...SIZE.quarter,
  },
  {
    title: 'Log Lines Waiting',
    description:
      'Memory of lines that wait, by destination, in the instance with the most. Good is near 0; at its limit lines are dropped.',
    unit: UNITS.bytes,
    look: { kind: 'graph' },
    queries: [
      { query: 'logQueue', legend: '{{destination}}' },
      { query: 'stdoutLimit', legend: 'limit of stdout' },
      { query: 'lokiLimit', legend: 'limit of loki' },
    ],
    ...SIZE.quarter,
  },
  {
    title: 'Loki Lag',
    description: 'How long the oldest line of each instance has waited for Loki. Good is a few seconds.',
    unit: UNITS.seconds,
    look: { kind: 'graph' },
    queries: [{ query: 'lokiLag', legend: '{{pod}}' }],
    emptyWhenWell: 'no line waits for Loki',
    thresholds: [
      [null, 'transparent'],
      [60, 'orange'],
    ],
    byPod: true,
    ...SIZE.quarter,
  },
  {
    title: 'Loki Pushes',
    description: 'Pushes a second, by outcome. Good is only accepted; there are none unless LOKI_ENABLED is set.',
    unit: UNITS.pushes,
    look: { kind: 'graph' },
    queries: [{ query: 'lokiPushes', legend: '{{outcome}}' }],
    colours: [
      ['^accepted$', 'green'],
      ['^(rejected|throttled|server_error|timeout|connection)$', 'red'],
    ],
    emptyWhenWell: 'no line is pushed to Loki',
    ...SIZE.half,
  },
  {
    title: 'Loki Push Time',
    description: 'Time of the slowest 1 % of pushes. Good is below a second.',
    unit: UNITS.seconds,
    look: { kind: 'graph' },
    queries: [{ query: 'lokiP99', legend: '99 %' }],
    emptyWhenWell: 'no line is pushed to Loki',
    ...SIZE.half,
  },
];
