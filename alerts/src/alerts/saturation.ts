import { eachInstance, SERVICE, subject, type Alert, type Context } from '../rule.ts';

/** A ticket for an instance, a page for the fleet: while others have room, clients find it. */
const OF_FLEET = { severity: 'critical', scope: 'service' } as const;
const OF_INSTANCE = { severity: 'warning', scope: 'instance' } as const;

/** Of the instances, the share that makes a page of a ticket. */
const FLEET_SHARE = {
  value: 0.5,
  doc: 'Share of the instances above which it is a page; fewer are a ticket each.',
};

/** Alerts about instances that come near a limit. */
export const SATURATION: readonly Alert[] = [
  {
    name: 'WebsocketConnectionsNearLimit',
    summary: 'Almost as many connections are open as may be.',
    thresholdDoc: 'Open connections as a share of MAX_CONNECTIONS: critical of all instances, warning of one.',
    scope: 'instance',
    enabled: true,
    tiers: [
      { ...OF_FLEET, for: '1m', threshold: 0.95, keepFiringFor: '2m' },
      { ...OF_INSTANCE, for: '5m', threshold: 0.8, keepFiringFor: '2m' },
    ],
    expr: (c) => shareOf(c, 'websocket_active_connections', 'websocket_limit_connections'),
    description: (c) =>
      `${subject(c)} holds {{ $value | humanizePercentage }} of the connections it takes (threshold ${c.thresholdPercent}); at the limit it refuses handshakes with 503.`,
  },
  {
    name: 'WebsocketSessionsNearLimit',
    summary: 'Almost as many sessions are held as may be.',
    thresholdDoc: 'Sessions, connected or not, as a share of MAX_SESSIONS: critical of all instances, warning of one.',
    scope: 'instance',
    enabled: true,
    tiers: [
      { ...OF_FLEET, for: '1m', threshold: 0.95, keepFiringFor: '2m' },
      { ...OF_INSTANCE, for: '5m', threshold: 0.8, keepFiringFor: '2m' },
    ],
    expr: (c) => shareOf(c, 'websocket_sessions', 'websocket_limit_sessions'),
    description: (c) =>
      `${subject(c)} holds {{ $value | humanizePercentage }} of the sessions it can (threshold ${c.thresholdPercent}); at the limit it refuses new sessions with 503.`,
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
        doc: 'Window whose maximum counts: Node.js restarts the measurement with every scrape, whoever scrapes.',
        ofSamples: true,
      },
      fleetShare: FLEET_SHARE,
    },
    tiers: [
      { ...OF_FLEET, for: '1m', threshold: 1, keepFiringFor: '2m' },
      { ...OF_INSTANCE, for: '5m', threshold: 0.1, keepFiringFor: '2m' },
    ],
    expr: (c) =>
      over(
        c,
        eachInstance(c, `max_over_time(nodejs_eventloop_lag_p99_seconds{${c.selector}}[${c.setting('window')}])`),
      ),
    description: (c) =>
      c.scope === 'service'
        ? `The event loops of {{ $value | humanizePercentage }} of the instances of ${SERVICE} have been late by more than ${c.threshold} s (99th percentile) for ${c.for}: all of their clients wait that long.`
        : `The event loop of ${subject(c)} has been {{ $value | humanizeDuration }} late (99th percentile, threshold ${c.threshold} s) for ${c.for}: all of its clients wait that long.`,
  },
  {
    name: 'WebsocketMemoryNearLimit',
    summary: 'Memory is about to run out.',
    thresholdDoc: 'Resident memory as a share of the limit that the container has; silent where it has none.',
    scope: 'instance',
    enabled: true,
    settings: { fleetShare: FLEET_SHARE },
    tiers: [
      { ...OF_FLEET, for: '2m', threshold: 0.95, keepFiringFor: '2m' },
      { ...OF_INSTANCE, for: '10m', threshold: 0.85, keepFiringFor: '2m' },
    ],
    expr: (c) =>
      over(
        c,
        `${eachInstance(c, `process_resident_memory_bytes{${c.selector}}`)} / (${eachInstance(c, `websocket_limit_memory_bytes{${c.selector}}`)} > 0)`,
      ),
    description: (c) =>
      c.scope === 'service'
        ? `{{ $value | humanizePercentage }} of the instances of ${SERVICE} have used more than ${c.thresholdPercent} of their memory limit for ${c.for}; at the limit the kernel kills them, and their connections are cut.`
        : `${subject(c)} has used {{ $value | humanizePercentage }} of its memory limit (threshold ${c.thresholdPercent}) for ${c.for}; at the limit the kernel kills it, and its connections are cut.`,
  },
];

/** What is used of a limit: of one instance, or of all together. */
function shareOf(c: Context, use: string, limit: string): string {
  const of = (metric: string): string => {
    const each = eachInstance(c, `${metric}{${c.selector}}`);
    return c.scope === 'instance' ? each : `sum ${c.by()} (${each})`;
  };
  return `${of(use)}\n/\n${of(limit)}\n> ${c.threshold}`;
}

/** Whether an instance is above the threshold, or a large part of them is. */
function over(c: Context, measured: string): string {
  if (c.scope === 'instance') return `${measured} > ${c.threshold}`;
  return [
    `count ${c.by()} (${measured} > ${c.threshold})`,
    `/ count ${c.by()} (${measured})`,
    `> ${c.setting('fleetShare')}`,
  ].join('\n');
}
