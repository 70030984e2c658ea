import { SIZE, UNITS, type PanelSpec } from '../panel.ts';

/** Does the session store work? */
export const STORE: readonly PanelSpec[] = [
  {
    title: 'Store Reachable',
    description: 'Whether the store answers each instance; the memory store always does. Good is yes.',
    unit: UNITS.none,
    look: {
      kind: 'states',
      states: { '0': { text: 'away', color: 'red' }, '1': { text: 'answers', color: 'green' } },
    },
    queries: [{ query: 'storeUp', legend: '{{pod}}' }],
    byPod: true,
    ...SIZE.half,
  },
  {
    title: 'Store Errors',
    description:
      'Failed attempts a second, by operation and reason, and what was refused because of them. Good is 0; attempts are repeated, refusals reach clients.',
    unit: UNITS.errors,
    look: { kind: 'graph' },
    queries: [
      { query: 'storeErrors', legend: '{{operation}} {{reason}}' },
      { query: 'storeRefusals', legend: 'refused' },
    ],
    colours: [['.', 'red']],
    emptyWhenWell: 'no errors',
    ...SIZE.half,
  },
  {
    title: 'Store Operations',
    description: 'Batches a second, by operation. Good is in proportion to traffic.',
    unit: UNITS.operations,
    look: { kind: 'graph' },
    queries: [{ query: 'storeOperations', legend: '{{operation}}' }],
    emptyWhenWell: 'the store is the one in memory',
    ...SIZE.third,
  },
  {
    title: 'Store Operation Time',
    description: 'Time of the slowest 1 % of the batches. Good is below 10 ms.',
    unit: UNITS.seconds,
    look: { kind: 'graph' },
    queries: [{ query: 'storeP99', legend: '{{operation}} 99 %' }],
    thresholds: [
      [null, 'transparent'],
      [0.1, 'orange'],
    ],
    emptyWhenWell: 'the store is the one in memory',
    ...SIZE.third,
  },
  {
    title: 'Waiting for the Store',
    description:
      'Counts that the shared store does not have yet. Good is near 0: waiting counts are lost if the process is killed.',
    unit: UNITS.number,
    look: { kind: 'graph' },
    queries: [
      { query: 'storePendingMessages', legend: 'messages' },
      { query: 'storePendingSessions', legend: 'sessions' },
    ],
    ...SIZE.third,
  },
];
