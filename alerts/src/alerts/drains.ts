import { BY_INSTANCE, BY_SERVICE, INSTANCE, SERVICE, type Alert, type Context } from '../rule.ts';

/**
 * Alerts about drains. A drained process is gone seconds later, so they look back over a window: an alert that ended with its
 * process would be over before it was sent.
 */
export const DRAINS: readonly Alert[] = [
  {
    name: 'WebsocketDrainSlow',
    summary: 'A drain took almost as long as it may.',
    thresholdDoc: 'Time from SIGTERM to the last connection closed, as a share of DRAIN_TIMEOUT_SECONDS.',
    scope: 'instance',
    enabled: true,
    settings: { window: { value: '15m', doc: 'How long it keeps firing after the drain.' } },
    tiers: [{ severity: 'warning', for: '0m', threshold: 0.8 }],
    expr: (c: Context): string => {
      const longest = (metric: string): string =>
        `max ${BY_INSTANCE} (max_over_time(${metric}{${c.selector}}[${c.setting('window')}]))`;
      return `${longest('websocket_drain_closing_seconds')}\n/\n${longest('websocket_limit_drain_seconds')}\n> ${c.threshold}`;
    },
    description: (c) =>
      `Closing the connections of ${INSTANCE} took {{ $value | humanizePercentage }} of the time that a drain may take (threshold ${c.thresholdPercent}); at the limit what is left is cut.`,
  },
  {
    name: 'WebsocketDrainCutClients',
    summary: 'Drains cut clients off.',
    thresholdDoc: 'Connections that drains cut, as a share of all connections they ended.',
    scope: 'service',
    enabled: true,
    settings: {
      window: { value: '15m', doc: 'How long it keeps firing after the drain.' },
      minConnections: { value: 5, doc: 'Minimum number of connections cut: every drain cuts clients in standby.' },
    },
    tiers: [{ severity: 'warning', for: '0m', threshold: 0.05 }],
    expr: (c: Context): string => {
      const ended = (matchers: string): string =>
        `sum ${BY_SERVICE} (max_over_time(websocket_drain_connections_total{${matchers}}[${c.setting('window')}]))`;
      const cut = ended(`${c.selector},outcome="cut"`);
      return `${cut}\n/\n${ended(c.selector)}\n> ${c.threshold}\nand ${cut} >= ${c.setting('minConnections')}`;
    },
    description: (c) =>
      `Drains of ${SERVICE} within ${c.setting('window')} cut {{ $value | humanizePercentage }} of their connections (threshold ${c.thresholdPercent}) instead of closing them with a bye: those clients saw 1006.`,
  },
];
