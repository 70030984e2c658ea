import { ERROR_TYPES, MESSAGE_REJECTIONS, SERVER_ERROR_TYPES } from '../../../service/src/metrics/metrics.ts';
import { REJECTIONS } from '../../../service/src/protocol/protocol.ts';
import { SIZE, UNITS, type PanelSpec } from '../panel.ts';

const OURS: readonly string[] = SERVER_ERROR_TYPES;
const REFUSALS = Object.entries(REJECTIONS);

/** Patterns of the names of series: faults of the service, and those of clients. */
export const SERVICES_TYPES = anyOf(OURS);
export const CLIENTS_TYPES = anyOf(Object.keys(ERROR_TYPES).filter((type) => !OURS.includes(type)));
const CLIENTS_REJECTIONS = anyOf(MESSAGE_REJECTIONS.filter((reason) => !OURS.includes(reason)));
const SERVICES_REFUSALS = anyOf(REFUSALS.filter(([, { status }]) => status >= 500).map(([reason]) => reason));
const CLIENTS_REFUSALS = anyOf(REFUSALS.filter(([, { status }]) => status < 500).map(([reason]) => reason));

/** What goes wrong? */
export const ERRORS: readonly PanelSpec[] = [
  {
    title: 'Error Ratio',
    description: 'Errors of every type as a share of messages and handshakes. Good is below 1 %.',
    unit: UNITS.share,
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
    unit: UNITS.handshakes,
    look: { kind: 'graph' },
    queries: [{ query: 'handshakesRejected', legend: '{{reason}}' }],
    colours: [
      [SERVICES_REFUSALS, 'red'],
      [CLIENTS_REFUSALS, 'gray'],
    ],
    emptyWhenWell: 'none is rejected',
    ...SIZE.quarter,
  },
  {
    title: 'Messages Rejected',
    description:
      'Messages that were not answered, a second, by reason. Good is 0 for store, handler and internal; closing ones arrived after the bye, and good clients send them again.',
    unit: UNITS.messages,
    look: { kind: 'graph' },
    queries: [{ query: 'messagesRejected', legend: '{{reason}}' }],
    colours: [
      [SERVICES_TYPES, 'red'],
      [CLIENTS_REJECTIONS, 'gray'],
    ],
    emptyWhenWell: 'none is rejected',
    ...SIZE.quarter,
  },
  {
    title: 'Resume Tokens',
    description:
      'Tokens that clients sent, a second, by result. Good is only accepted; there is none where no tokens are issued.',
    unit: UNITS.tokens,
    look: { kind: 'graph' },
    queries: [{ query: 'tokens', legend: '{{result}}' }],
    colours: [
      ['^accepted$', 'green'],
      ['^(?!accepted$)', 'gray'],
    ],
    emptyWhenWell: 'no token is sent',
    ...SIZE.quarter,
  },
];

function anyOf(names: readonly string[]): string {
  return `^(${names.join('|')})$`;
}
