import { LEVEL_COLOURS, SIZE, UNITS, type PanelSpec } from '../panel.ts';

/** How much is logged? */
export const LOG_VOLUME: readonly PanelSpec[] = [
  {
    title: 'Log Volume',
    description: 'Lines by level. Good is INFO in step with traffic; a gap is lines that did not arrive.',
    unit: UNITS.lines,
    look: { kind: 'graph', stacked: true, bars: true },
    queries: [{ query: 'volumeByLevel', legend: '{{level}}' }],
    colours: LEVEL_COLOURS,
    ...SIZE.half,
  },
  {
    title: 'Log Bytes',
    description: 'Bytes a second that Loki ingests. Good is what its disk is sized for.',
    unit: UNITS.bytesPerSecond,
    look: { kind: 'graph' },
    queries: [{ query: 'bytes', legend: 'bytes' }],
    ...SIZE.quarter,
  },
  {
    title: 'Events',
    description: 'Lines by event, the ten most frequent. Good is mostly websocket_message_received.',
    unit: UNITS.lines,
    look: { kind: 'graph', stacked: true, bars: true },
    queries: [{ query: 'volumeByEvent', legend: '{{event}}' }],
    ...SIZE.quarter,
  },
];

/** What goes wrong? */
export const ERROR_ANALYSIS: readonly PanelSpec[] = [
  {
    title: 'Error Analysis',
    description: 'Lines of ERROR and CRITICAL a second. Good is none.',
    unit: UNITS.lines,
    look: { kind: 'graph', stacked: true, bars: true },
    queries: [{ query: 'errorLineRate', legend: '{{level}}' }],
    emptyWhenWell: 'nothing is logged at ERROR or CRITICAL',
    colours: LEVEL_COLOURS,
    ...SIZE.third,
  },
  {
    title: 'Top Error Messages',
    description: 'The ten most frequent, in the selected time range. Good is an empty table.',
    unit: UNITS.number,
    look: { kind: 'table', columns: { message: { title: 'Message' }, Value: { title: 'Lines', width: 7 } } },
    queries: [{ query: 'errorsByMessage', legend: '{{message}}' }],
    emptyWhenWell: 'nothing is logged at ERROR or CRITICAL',
    ...SIZE.third,
  },
  {
    title: 'Warnings',
    description:
      'Lines of WARN, by event and reason: clients that are refused or violate a limit. They are logged at a limited rate; the metrics have the counts. Good is few.',
    unit: UNITS.lines,
    look: { kind: 'graph', stacked: true, bars: true },
    queries: [{ query: 'warningsByReason', legend: '{{event}} {{reason}}' }],
    emptyWhenWell: 'nothing is logged at WARN',
    ...SIZE.third,
  },
  {
    title: 'Error Lines',
    description: 'What was logged at ERROR and CRITICAL, newest first. Good is nothing.',
    unit: UNITS.none,
    look: { kind: 'logs' },
    queries: [{ query: 'errorLines', legend: '' }],
    emptyWhenWell: 'nothing is logged at ERROR or CRITICAL',
    ...SIZE.half,
  },
  {
    title: 'Warning Lines',
    description: 'What was logged at WARN, newest first. Good is few.',
    unit: UNITS.none,
    look: { kind: 'logs' },
    queries: [{ query: 'warningLines', legend: '' }],
    emptyWhenWell: 'nothing is logged at WARN',
    ...SIZE.half,
  },
];

/** What did this session live through? */
export const SESSION_TRACKING: readonly PanelSpec[] = [
  {
    title: 'Session Tracking',
    description:
      'All lines of the session entered above, oldest first: its handshakes, its messages, its closes, over all pods. Good is no gap in message_count.',
    unit: UNITS.none,
    look: { kind: 'logs', oldestFirst: true },
    queries: [{ query: 'sessionLines', legend: '' }],
    emptyWhenWell: 'no session is entered',
    ...SIZE.half,
  },
  {
    title: 'Connections of the Session',
    description:
      'When it connected and how it ended, with codes and reasons. Good is few, each ended with 1000 or 1001.',
    unit: UNITS.none,
    look: { kind: 'logs', oldestFirst: true },
    queries: [{ query: 'sessionConnections', legend: '' }],
    emptyWhenWell: 'no session is entered',
    ...SIZE.quarter,
  },
  {
    title: 'Messages of the Session',
    description:
      'Lines of its messages over time; fewer than messages where LOG_MESSAGE_SAMPLING is set. Good is as regular as the client sends.',
    unit: UNITS.messages,
    look: { kind: 'graph', bars: true },
    queries: [{ query: 'sessionMessages', legend: 'messages' }],
    emptyWhenWell: 'no session is entered',
    ...SIZE.quarter,
  },
];

/** Every line. */
export const ALL_LINES: readonly PanelSpec[] = [
  {
    title: 'Log Lines',
    description:
      'Lines of the selected levels and pods that contain the entered text, newest first. Good is what you were looking for.',
    unit: UNITS.none,
    look: { kind: 'logs' },
    queries: [{ query: 'lines', legend: '' }],
    ...SIZE.tall,
  },
];
