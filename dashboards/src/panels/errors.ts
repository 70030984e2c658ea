import { SIZE, type PanelSpec } from '../panel.ts';

/** What goes wrong? */
export const ERRORS: readonly PanelSpec[] = [
  {
    title: 'Error Ratio',
    description: 'Errors of every type as a share of messages and handshakes. Good is below 1 %.',
    unit: 'percentunit',
    look: { kind: 'graph' },
    queries: [{ query: 'errorRatio', legend: 'errors' }],
    thresholds: [
      [null, 'transparent'],
      [0.01, 'orange'],
    ],
    ...SIZE.quarter,
  },
  {
    title: 'Handshakes Rejected',
    description:
      "A second, by reason. Good is 0 for capacity, draining and internal, which are the service's; the others are clients'.",
    unit: 'cps',
    look: { kind: 'graph' },
    queries: [{ query: 'handshakesRejected', legend: '{{reason}}' }],
    ...SIZE.quarter,
  },
  {
    title: 'Messages Rejected',
    description:
      'Messages that were not answered, a second, by reason. Good is 0 for store, handler and internal; closing ones arrived after the bye, and good clients send them again.',
    unit: 'cps',
    look: { kind: 'graph' },
    queries: [{ query: 'messagesRejected', legend: '{{reason}}' }],
    ...SIZE.quarter,
  },
  {
    title: 'Resume Tokens',
    description:
      'Tokens that clients sent, a second, by result. Good is only accepted; there is none where no tokens are issued.',
    unit: 'cps',
    look: { kind: 'graph' },
    queries: [{ query: 'tokens', legend: '{{result}}' }],
    ...SIZE.quarter,
  },
];
