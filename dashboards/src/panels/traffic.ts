import { SIZE, UNITS, type PanelSpec } from '../panel.ts';

/** How much is there to do? */
export const TRAFFIC: readonly PanelSpec[] = [
  {
    title: 'Connections by Instance',
    description:
      'Connections open now. Good is an even spread; new instances fill up only if connections have a maximum age.',
    unit: UNITS.number,
    look: { kind: 'graph', stacked: true },
    queries: [{ query: 'connectionsByPod', legend: '{{pod}}' }],
    byPod: true,
    ...SIZE.quarter,
  },
  {
    title: 'Connections Opened and Closed',
    description:
      'A second. Good is both the same; closed far above opened means lost clients, opened far above closed an approaching limit.',
    unit: UNITS.connections,
    look: { kind: 'graph' },
    queries: [
      { query: 'opened', legend: 'opened' },
      { query: 'closed', legend: 'closed' },
    ],
    ...SIZE.quarter,
  },
  {
    title: 'Sessions',
    description:
      'Sessions that the store of each instance holds, connected or not. Good is constant, or rising only with connections.',
    unit: UNITS.number,
    look: { kind: 'graph', stacked: true },
    queries: [{ query: 'sessions', legend: '{{pod}}' }],
    byPod: true,
    ...SIZE.quarter,
  },
  {
    title: 'Payload',
    description:
      'Bytes a second of messages counted, and of replies, heartbeats and byes. Good is in proportion to the message rate.',
    unit: UNITS.bytesPerSecond,
    look: { kind: 'graph' },
    queries: [
      { query: 'receivedBytes', legend: 'received' },
      { query: 'sentBytes', legend: 'sent' },
    ],
    ...SIZE.quarter,
  },
];
