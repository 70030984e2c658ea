import { SIZE, UNITS, type PanelSpec } from '../panel.ts';

/** How fast is it? */
export const LATENCY: readonly PanelSpec[] = [
  {
    title: 'Message Handling Time',
    description:
      'From a whole message read to its reply passed to the socket. Good is a 99th percentile below 10 ms; usually it is far below 1 ms.',
    unit: UNITS.seconds,
    look: { kind: 'graph', logarithmic: true },
    queries: [
      { query: 'messageP50', legend: '50 %' },
      { query: 'messageP95', legend: '95 %' },
      { query: 'messageP99', legend: '99 %' },
      { query: 'messageMean', legend: 'mean' },
    ],
    thresholds: [
      [null, 'transparent'],
      [0.01, 'orange'],
    ],
    ...SIZE.third,
  },
  {
    title: 'Message Handling Time Spread',
    description:
      'How many messages took how long. Good is one narrow band at the bottom; a second band above is traffic that waits for something.',
    unit: UNITS.seconds,
    look: { kind: 'heatmap' },
    queries: [{ query: 'messageHeatmap', legend: '{{le}}' }],
    ...SIZE.third,
  },
  {
    title: 'Connection Duration Percentiles',
    description:
      'Age of connections when they closed. Good is normal for your clients; a sudden fall means that connections are cut.',
    unit: UNITS.seconds,
    look: { kind: 'graph', logarithmic: true },
    queries: [
      { query: 'connectionP50', legend: '50 %' },
      { query: 'connectionP95', legend: '95 %' },
    ],
    ...SIZE.third,
  },
];
