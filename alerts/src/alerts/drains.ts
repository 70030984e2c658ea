import { eachInstance, INSTANCE, SERVICE, type Alert, type Context } from '../rule.ts';

const WINDOW = { value: '15m', doc: 'How long it keeps firing after the drain.', ofSamples: true } as const;

/**
 * Alerts about drains. A drained process is gone seconds later, so they look back over a window: an alert that ended with its
 * process would be over before it was sent.
 */
export const DRAINS: readonly Alert[] = [
  {
    name: 'WebsocketDrainSlow',
    summary: 'A drain took almost as long as it may.',
    thresholdDoc:
      'Time from SIGTERM to the last connection closed beyond the spread that the configuration asks for, as a share of what DRAIN_TIMEOUT_SECONDS leaves beyond it.',
    scope: 'instance',
    enabled: true,
    settings: { window: WINDOW },
    tiers: [{ severity: 'warning', for: '0m', threshold: 0.8 }],
    expr: (c: Context): string => {
      const longest = (metric: string): string =>
        eachInstance(c, `max_over_time(${metric}{${c.selector}}[${c.setting('window')}])`);
      const spread = longest('websocket_drain_spread_seconds');
      return [
        `(${longest('websocket_drain_closing_seconds')} - ${spread})`,
        '/',
        `(${longest('websocket_limit_drain_seconds')} - ${spread})`,
        `> ${c.threshold}`,
      ].join('\n');
    },
    description: (c) =>
      `Beyond the spread that is asked for, closing the connections of ${INSTANCE} took {{ $value | humanizePercentage }} of the time that a drain may take (threshold ${c.thresholdPercent}); at the limit what is left is cut.`,
  },
  {
    name: 'WebsocketDrainCutClients',
    summary: 'Drains cut clients off.',
    thresholdDoc: 'Connections that drains cut, as a share of all connections they ended.',
    scope: 'service',
    enabled: true,
    settings: {
      window: WINDOW,
      minConnections: { value: 5, doc: 'Minimum number of connections cut: every drain cuts clients in standby.' },
    },
    tiers: [{ severity: 'warning', for: '0m', threshold: 0.05 }],
    expr: (c: Context): string => {
      const ended = (matchers: string): string =>
        `sum ${c.by()} (max_over_time(websocket_drain_connections_total{${matchers}}[${c.setting('window')}]))`;
      const cut = ended(`${c.selector},outcome="cut"`);
      return `${cut}\n/\n${ended(c.selector)}\n> ${c.threshold}\nand ${cut} >= ${c.setting('minConnections')}`;
    },
    description: (c) =>
      `Drains of ${SERVICE} within ${c.setting('window')} cut {{ $value | humanizePercentage }} of their connections (threshold ${c.thresholdPercent}) instead of closing them with a bye: those clients saw 1006.`,
  },
  {
    name: 'WebsocketDrainLostLogLines',
    summary: 'A drain ended before its log lines were delivered.',
    thresholdDoc: 'Lines that Loki did not take within LOKI_FLUSH_SECONDS, of all drains within `window`.',
    scope: 'service',
    enabled: true,
    settings: { window: WINDOW },
    tiers: [{ severity: 'warning', for: '0m', threshold: 0 }],
    expr: (c) =>
      `sum ${c.by()} (max_over_time(websocket_log_lines_dropped_total{${c.selector},reason="shutdown"}[${c.setting('window')}])) > ${c.threshold}`,
    description: (c) =>
      `Drains of ${SERVICE} within ${c.setting('window')} lost {{ $value | humanize }} log lines that Loki did not take in time: the log of the end of these instances is on their stdout alone.`,
  },
];
