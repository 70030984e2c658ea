import { SIZE, UNITS, type PanelSpec, type Threshold } from '../panel.ts';

const LIMIT: readonly Threshold[] = [
  [null, 'transparent'],
  [0.8, 'orange'],
  [0.95, 'red'],
  [1, 'red'],
];

/** How full is it? */
export const SATURATION: readonly PanelSpec[] = [
  {
    title: 'Connections against the Limit',
    description:
      'Open connections of each instance as a share of MAX_CONNECTIONS. Good is below 0.8; at 1 handshakes get 503.',
    unit: UNITS.share,
    look: { kind: 'graph', max: 1 },
    queries: [{ query: 'connectionUse', legend: '{{pod}}' }],
    thresholds: LIMIT,
    byPod: true,
    ...SIZE.quarter,
  },
  {
    title: 'Sessions against the Limit',
    description: 'Sessions of each instance as a share of MAX_SESSIONS. Good is below 0.8; at 1 new sessions get 503.',
    unit: UNITS.share,
    look: { kind: 'graph', max: 1 },
    queries: [{ query: 'sessionUse', legend: '{{pod}}' }],
    thresholds: LIMIT,
    byPod: true,
    ...SIZE.quarter,
  },
  {
    title: 'Event Loop Lag',
    description:
      'Delay of the event loop: 99th percentile of each instance, and the longest one of all since the last scrape. Good is about 10 ms, the resolution of the measurement; above 100 ms clients notice.',
    unit: UNITS.seconds,
    look: { kind: 'graph' },
    queries: [
      { query: 'loopLagP99', legend: '{{pod}}' },
      { query: 'loopLagMax', legend: 'longest of all' },
    ],
    thresholds: [
      [null, 'transparent'],
      [0.1, 'orange'],
      [1, 'red'],
    ],
    byPod: true,
    ...SIZE.quarter,
  },
  {
    title: 'CPU',
    description: 'Cores in use. Good is well below 1: the event loop has one thread.',
    unit: UNITS.cores,
    look: { kind: 'graph' },
    queries: [{ query: 'cpu', legend: '{{pod}}' }],
    thresholds: [
      [null, 'transparent'],
      [0.8, 'orange'],
    ],
    byPod: true,
    ...SIZE.quarter,
  },
  {
    title: 'Resident Memory',
    description:
      'At the limit of the container, the kernel kills the process. Good is constant, or in proportion to connections.',
    unit: UNITS.bytes,
    look: { kind: 'graph' },
    queries: [
      { query: 'residentMemory', legend: '{{pod}}' },
      { query: 'memoryLimit', legend: 'limit' },
    ],
    byPod: true,
    ...SIZE.quarter,
  },
  {
    title: 'Heap',
    description:
      'Heap that each instance uses, and of those with the most: heap allocated, and memory outside of it (buffers). Good is a sawtooth that returns to the same level.',
    unit: UNITS.bytes,
    look: { kind: 'graph' },
    queries: [
      { query: 'heapUsed', legend: '{{pod}}' },
      { query: 'heapTotal', legend: 'most allocated' },
      { query: 'externalMemory', legend: 'most outside' },
    ],
    byPod: true,
    ...SIZE.quarter,
  },
  {
    title: 'Garbage Collection',
    description:
      "Share of a thread's time, by kind. Good is a few percent at most; major collections that grow mean that the heap is nearly full.",
    unit: UNITS.share,
    look: { kind: 'graph' },
    queries: [{ query: 'collection', legend: '{{kind}}' }],
    ...SIZE.quarter,
  },
  {
    title: 'Limits in Force',
    description: 'Configured limits of the instances; 0 is no limit. Good is what you intended.',
    unit: UNITS.none,
    look: { kind: 'table', columns: { __name__: { title: 'Name' }, Value: { title: 'Limit', width: 9 } } },
    queries: [{ query: 'limits', legend: '' }],
    ...SIZE.quarter,
  },
];
