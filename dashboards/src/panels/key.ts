import { SIZE, type PanelSpec } from '../panel.ts';

/** The four panels of the observability guide. */
export const KEY: readonly PanelSpec[] = [
  {
    title: 'Active Connections',
    description: 'Connections open now, against the sum of the limits of all instances. Good is below 80 %.',
    unit: 'short',
    look: { kind: 'gauge', maxFrom: 'connectionLimit' },
    queries: [{ query: 'activeConnections', legend: 'connections' }],
    thresholds: [
      [null, 'green'],
      [80, 'orange'],
      [95, 'red'],
    ],
    ...SIZE.quarter,
  },
  {
    title: 'Message Rate',
    description:
      'Messages counted and answered a second, by instance. Good is normal for the time of day, and even over the instances.',
    unit: 'cps',
    look: { kind: 'graph', stacked: true },
    queries: [{ query: 'messageRate', legend: '{{pod}}' }],
    byPod: true,
    ...SIZE.quarter,
  },
  {
    title: 'Error Rate',
    description:
      "Errors a second by type, clients' own faults among them. Good is near 0, and 0 for store, handler and internal, which are the service's.",
    unit: 'cps',
    look: { kind: 'graph' },
    queries: [{ query: 'errorRate', legend: '{{type}}' }],
    ...SIZE.quarter,
  },
  {
    title: 'Connection Duration',
    description:
      "How long the connections that closed within the time shown had been open; a bar's name is its upper bound in seconds. Good is what your clients do; a heap in the first bars is clients that are cut or refused after the handshake.",
    unit: 'short',
    look: { kind: 'histogram' },
    queries: [{ query: 'connectionDurations', legend: '{{le}}' }],
    ...SIZE.quarter,
  },
];
