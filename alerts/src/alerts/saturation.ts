import { MEMORY_LIMIT_BYTES } from '../config.ts';
import { BY_INSTANCE, INSTANCE, type Alert } from '../rule.ts';

/** Alerts about instances that come near a limit. */
export const SATURATION: readonly Alert[] = [
  {
    name: 'WebsocketConnectionsNearLimit',
    summary: 'An instance has almost as many connections as it takes.',
    thresholdDoc: 'Open connections of one instance as a share of MAX_CONNECTIONS.',
    scope: 'instance',
    enabled: true,
    tiers: [
      { severity: 'critical', for: '1m', threshold: 0.95 },
      { severity: 'warning', for: '5m', threshold: 0.8 },
    ],
    expr: (c) => shareOf('websocket_active_connections', 'websocket_limit_connections', c.selector, c.threshold),
    description: (c) =>
      `${INSTANCE} holds {{ $value | humanizePercentage }} of the connections it takes (threshold ${c.thresholdPercent}); at the limit it refuses handshakes with 503.`,
  },
  {
    name: 'WebsocketSessionsNearLimit',
    summary: 'An instance has almost as many sessions as it holds.',
    thresholdDoc: 'Sessions that one instance holds, connected or not, as a share of MAX_SESSIONS.',
    scope: 'instance',
    enabled: true,
    tiers: [
      { severity: 'critical', for: '1m', threshold: 0.95 },
      { severity: 'warning', for: '5m', threshold: 0.8 },
    ],
    expr: (c) => shareOf('websocket_sessions', 'websocket_limit_sessions', c.selector, c.threshold),
    description: (c) =>
      `${INSTANCE} holds {{ $value | humanizePercentage }} of the sessions it can (threshold ${c.thresholdPercent}); at the limit it refuses new sessions with 503.`,
  },
  {
    name: 'WebsocketEventLoopBlocked',
    summary: 'The event loop is late.',
    thresholdDoc: 'Seconds by which the slowest 1 % of the turns of the event loop are late.',
    scope: 'instance',
    enabled: true,
    settings: {
      window: {
        value: '1m',
        doc: 'Window whose maximum counts: Node.js restarts the measurement with every scrape, whoever scrapes. At least two scrape intervals.',
      },
    },
    tiers: [
      { severity: 'critical', for: '1m', threshold: 1 },
      { severity: 'warning', for: '5m', threshold: 0.1 },
    ],
    expr: (c) =>
      `max ${BY_INSTANCE} (max_over_time(nodejs_eventloop_lag_p99_seconds{${c.selector}}[${c.setting('window')}])) > ${c.threshold}`,
    description: (c) =>
      `The event loop of ${INSTANCE} has been {{ $value | humanizeDuration }} late (99th percentile, threshold ${c.threshold} s) for ${c.for}: all of its clients wait that long.`,
  },
  {
    name: 'WebsocketMemoryNearLimit',
    summary: 'An instance is about to run out of memory.',
    thresholdDoc: 'Resident memory of one instance as a share of its limit.',
    scope: 'instance',
    enabled: true,
    settings: {
      limitBytes: {
        value: MEMORY_LIMIT_BYTES,
        derived: 'resources.limits.memory',
        doc: 'Memory limit in bytes.',
      },
    },
    tiers: [
      { severity: 'critical', for: '2m', threshold: 0.95 },
      { severity: 'warning', for: '10m', threshold: 0.85 },
    ],
    expr: (c) =>
      `max ${BY_INSTANCE} (process_resident_memory_bytes{${c.selector}}) / ${c.setting('limitBytes')} > ${c.threshold}`,
    description: (c) =>
      `${INSTANCE} has used {{ $value | humanizePercentage }} of its memory limit (threshold ${c.thresholdPercent}) for ${c.for}; at the limit the kernel kills it, and its connections are cut.`,
  },
];

function shareOf(use: string, limit: string, selector: string, threshold: string): string {
  return `max ${BY_INSTANCE} (${use}{${selector}})\n/\nmax ${BY_INSTANCE} (${limit}{${selector}})\n> ${threshold}`;
}
