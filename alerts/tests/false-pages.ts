import type { Installation } from '../src/values.ts';

/** What must not be told of, or not so loudly: deploys, scalings, resets, gaps, neighbours, slow scrapes, one pod of many. */
export interface FalsePage {
  readonly alert: string;
  /** What goes on, as the end of "must not fire ...". */
  readonly when: string;
  /** Where it differs from the plain rule file. */
  readonly installation?: Installation;
  /** Time between two samples, and between two evaluations. Default: 30s. */
  readonly interval?: string;
  /** Values by series, in promtool's notation; labels that all series have are added: see {@link COMMON_LABELS}. */
  readonly series: Readonly<Record<string, string>>;
  /** When nothing may fire. */
  readonly silent?: readonly string[];
  /** How many alerts with these labels fire, where another one, or a quieter one, is right. */
  readonly firing?: readonly (readonly [at: string, labels: string, count: number])[];
}

/** Labels that a series has unless its name says otherwise. */
export const COMMON_LABELS = {
  namespace: 'chat',
  job: 'websocket-message-counter',
  release: 'demo',
  pod: 'a',
} as const;

const TEN = Array.from({ length: 10 }, (_, index) => `p${index}`);
const STORM_REFUSED = {
  websocket_connections_opened_total: '0+300x80',
  'websocket_handshakes_rejected_total{reason="rate"}': '0+900x80',
  'websocket_handshakes_rejected_total{reason="capacity"}': '0x80',
  'websocket_errors_total{type="handshake_rejected"}': '0+900x80',
  websocket_messages_total: '0+30x80',
  'websocket_messages_rejected_total{reason="binary"}': '0x80',
} as const;

/** At least one for each alert. */
export const FALSE_PAGES: readonly FalsePage[] = [
  {
    alert: 'WebsocketErrorRatioHigh',
    when: 'for 5,000 quiet clients of which 4 a minute vanish, at 2 messages a second',
    interval: '1m',
    series: {
      websocket_messages_total: '0+120x60',
      'websocket_messages_rejected_total{reason="binary"}': '0x60',
      websocket_connections_opened_total: '5000+4x60',
      'websocket_handshakes_rejected_total{reason="malformed"}': '0x60',
      'websocket_errors_total{type="heartbeat_timeout"}': '0+4x60',
      'websocket_errors_total{type="slow_reader"}': '0+1x60',
      'websocket_errors_total{type="internal"}': '0x60',
    },
    silent: ['12m', '30m', '1h'],
  },
  {
    alert: 'WebsocketErrorRatioHigh',
    when: 'in a storm that admission holds off, of which WebsocketHandshakesThrottled tells',
    series: STORM_REFUSED,
    silent: ['12m', '30m', '40m'],
  },
  {
    alert: 'WebsocketErrorRatioHigh',
    when: 'when counters begin at 0 again',
    series: {
      websocket_messages_total: '0+90x30 0+90x30',
      'websocket_messages_rejected_total{reason="binary"}': '0x60',
      websocket_connections_opened_total: '0+8x30 0+8x30',
      'websocket_handshakes_rejected_total{reason="malformed"}': '40x30 0x30',
      'websocket_errors_total{type="internal"}': '500x30 0x30',
    },
    silent: ['15m', '20m', '30m'],
  },
  {
    alert: 'WebsocketServiceDown',
    when: 'only for the cluster that is well, while it fires for the other one',
    installation: { additionalLabels: ['cluster'] },
    series: {
      'websocket_ready{cluster="east"}': '1x5 0x20',
      'websocket_draining{cluster="east"}': '0x25',
      'websocket_ready{cluster="west",pod="b"}': '1x25',
      'websocket_draining{cluster="west",pod="b"}': '0x25',
    },
    firing: [
      ['5m', 'cluster="east"', 1],
      ['5m', 'cluster="west"', 0],
    ],
  },
  {
    alert: 'WebsocketServiceDown',
    when: 'when it is scaled to 0 on purpose',
    series: {
      'websocket_ready{pod="a"}': '1x5 0x2 stale',
      'websocket_draining{pod="a"}': '0x5 1x2 stale',
      'websocket_ready{pod="b"}': '1x5 0x2 stale',
      'websocket_draining{pod="b"}': '0x5 1x2 stale',
      'up{pod="a"}': '1x7 stale',
      'up{pod="b"}': '1x7 stale',
    },
    silent: ['3m', '5m', '10m', '30m'],
  },
  {
    alert: 'WebsocketServiceDown',
    when: 'while the last instances drain longer than it waits',
    series: { websocket_ready: '1x5 0x8 stale', websocket_draining: '0x5 1x8 stale', up: '1x13 stale' },
    silent: ['4m', '6m', '10m'],
  },
  {
    alert: 'WebsocketServiceDown',
    when: 'when it is scaled to 0 between two scrapes, where kube-state-metrics says so',
    series: {
      websocket_ready: '1x5 stale',
      websocket_draining: '0x5 stale',
      'kube_deployment_spec_replicas{deployment="websocket-message-counter",job="kube-state-metrics"}': '1x5 0x60',
    },
    silent: ['4m', '6m', '10m', '30m'],
  },
  {
    alert: 'WebsocketServiceDown',
    when: 'after a fresh install whose first scrape comes after 90 s, and whose image takes 5 minutes',
    series: {
      up: '_x3 0x10 1x30',
      websocket_ready: '_x13 1x30',
      websocket_draining: '_x13 0x30',
      'up{release="other",pod="z"}': '1x43',
    },
    silent: ['1m', '3m', '6m', '10m'],
  },
  {
    alert: 'WebsocketServiceDown',
    when: 'over a rollout',
    series: {
      'websocket_ready{pod="a"}': '1x6 0x2 stale',
      'websocket_draining{pod="a"}': '0x6 1x2 stale',
      'websocket_ready{pod="b"}': '_x4 0 1x30',
      'websocket_draining{pod="b"}': '_x4 0x31',
    },
    silent: ['3m', '4m', '6m', '12m', '17m'],
  },
  {
    alert: 'WebsocketServiceDown',
    when: 'for the release beside the one that is down',
    series: {
      websocket_ready: '1x25',
      websocket_draining: '0x25',
      'websocket_ready{release="other",pod="z"}': '1x5 0x20',
      'websocket_draining{release="other",pod="z"}': '0x25',
    },
    firing: [
      ['8m', 'release="demo"', 0],
      ['8m', 'release="other"', 1],
    ],
  },
  {
    alert: 'WebsocketInstanceUnreachable',
    when: 'while the image of a new instance is pulled for five minutes',
    series: { 'up{pod="a"}': '1x40', 'up{pod="b"}': '_x5 0x10 1x25' },
    silent: ['3m', '5m', '7m', '10m'],
  },
  {
    alert: 'WebsocketInstanceUnreachable',
    when: 'when an instance that drained is gone before its target is',
    series: { 'up{pod="a"}': '1x10 0x3 stale', 'up{pod="b"}': '1x40' },
    silent: ['6m', '7m', '10m'],
  },
  {
    alert: 'WebsocketInstanceNotReady',
    when: 'while an instance drains for six minutes',
    series: { websocket_ready: '1x4 0x12 stale', websocket_draining: '0x4 1x12 stale' },
    silent: ['5m', '8m', '10m'],
  },
  {
    alert: 'WebsocketReplicasMissing',
    when: 'where there is no kube-state-metrics',
    series: { websocket_ready: '1x40', up: '1x40' },
    silent: ['10m', '20m'],
  },
  {
    alert: 'WebsocketReplicasMissing',
    when: 'while it is scaled up from 2 to 10 within eight minutes, and down to 0',
    series: {
      'kube_deployment_spec_replicas{deployment="websocket-message-counter",job="kube-state-metrics"}':
        '2x10 10x30 0x40',
      'kube_deployment_status_replicas_available{deployment="websocket-message-counter",job="kube-state-metrics"}':
        '2x25 10x15 0x40',
    },
    silent: ['8m', '12m', '20m', '30m', '40m'],
  },
  {
    alert: 'WebsocketReplicasMissing',
    when: 'for the Deployment of another',
    series: {
      'kube_deployment_spec_replicas{deployment="else",job="kube-state-metrics"}': '2x80',
      'kube_deployment_status_replicas_available{deployment="else",job="kube-state-metrics"}': '0x80',
    },
    silent: ['20m', '40m'],
  },
  {
    alert: 'WebsocketRestarting',
    when: 'when three deploys replace every instance',
    series: {
      'process_start_time_seconds{pod="a"}': '1000x10 stale',
      'process_start_time_seconds{pod="b"}': '_x8 2000x10 stale',
      'process_start_time_seconds{pod="c"}': '_x16 3000x20',
    },
    silent: ['5m', '10m', '15m'],
  },
  {
    alert: 'WebsocketRolloutStuck',
    when: 'while a healthy rollout replaces 70 instances within 47 minutes',
    interval: '1m',
    series: rollout(70, 40),
    silent: ['16m', '25m', '40m', '47m', '60m'],
  },
  {
    alert: 'WebsocketStoreUnavailable',
    when: 'never where scrapes take a minute and 10 errors a second come',
    interval: '1m',
    installation: { scrapeSeconds: 60 },
    series: { websocket_store_up: '1x40', 'websocket_errors_total{type="store"}': '0x5 0+600x35' },
    silent: ['5m'],
    firing: [['12m', 'severity="critical"', 1]],
  },
  {
    alert: 'WebsocketStoreUnavailable',
    when: 'as a page when it is one instance of ten',
    series: { ...each(TEN, 'websocket_store_up', '1x40'), 'websocket_store_up{pod="p3"}': '1x5 0x35' },
    firing: [
      ['10m', 'severity="critical"', 0],
      ['10m', 'severity="warning"', 1],
    ],
  },
  {
    alert: 'WebsocketStoreUnavailable',
    when: 'for one failure that two scrapes see, a restart of the process, and a scrape that is missed',
    interval: '15s',
    series: {
      'websocket_store_up{pod="a"}': '1x40 _x3 1x40',
      'websocket_errors_total{pod="a",type="store"}': '0x10 500 900x30 _x3 900x40',
      'websocket_store_up{pod="b"}': '1x83',
      'websocket_errors_total{pod="b",type="store"}': '40x20 0x63',
    },
    silent: ['4m', '5m', '6m', '8m', '12m', '20m'],
  },
  {
    alert: 'WebsocketStoreSlow',
    when: 'where nothing is asked of the store',
    series: {
      'websocket_store_operation_duration_seconds_bucket{operation="write",le="0.1"}': '5x60',
      'websocket_store_operation_duration_seconds_bucket{operation="write",le="+Inf"}': '9x60',
    },
    silent: ['10m', '20m'],
  },
  {
    alert: 'WebsocketStoreNotAcknowledged',
    when: 'when counters begin at 0 again, and while the store is away, of which WebsocketStoreUnavailable tells',
    series: {
      'websocket_store_errors_total{operation="write",reason="too_few_replicas"}': '70x10 0x30',
      'websocket_store_errors_total{operation="write",reason="unreachable"}': '0+10x40',
    },
    silent: ['4m', '6m', '8m', '15m'],
  },
  {
    alert: 'WebsocketLogLinesDropped',
    when: 'for the last lines of a drain, of which WebsocketDrainLostLogLines tells, and when counters begin at 0 again',
    series: {
      'websocket_log_lines_dropped_total{destination="loki",reason="shutdown"}': '0x10 35839 stale',
      'websocket_log_lines_dropped_total{pod="b",destination="loki",reason="buffer_full"}': '900x10 0x30',
    },
    silent: ['5m', '5m30s', '8m'],
  },
  {
    alert: 'WebsocketLogLinesLate',
    when: 'while Loki restarts within a minute and a half',
    series: { websocket_loki_lag_seconds: '0x5 30 61 91 0x30' },
    silent: ['3m', '4m', '5m', '8m'],
  },
  ...nearLimit('WebsocketConnectionsNearLimit', 'websocket_active_connections', 'websocket_limit_connections', 1000),
  ...nearLimit('WebsocketSessionsNearLimit', 'websocket_sessions', 'websocket_limit_sessions', 1000),
  ...nearLimit('WebsocketMemoryNearLimit', 'process_resident_memory_bytes', 'websocket_limit_memory_bytes', 1e9),
  {
    alert: 'WebsocketMemoryNearLimit',
    when: 'where the container has no limit',
    series: { process_resident_memory_bytes: '9e9x60', websocket_limit_memory_bytes: '0x60' },
    silent: ['15m', '30m'],
  },
  {
    alert: 'WebsocketEventLoopBlocked',
    when: 'as a page when it is one instance of ten',
    series: {
      ...each(TEN, 'nodejs_eventloop_lag_p99_seconds', '0.01x40'),
      'nodejs_eventloop_lag_p99_seconds{pod="p3"}': '0.01x5 3x35',
    },
    firing: [
      ['12m', 'severity="critical"', 0],
      ['12m', 'severity="warning"', 1],
    ],
  },
  {
    alert: 'WebsocketDrainSlow',
    when: 'when the configuration asks for most of the time: drainSpreadSeconds 7.9 of 10',
    series: {
      websocket_drain_closing_seconds: '0x8 5 8.1 stale',
      websocket_drain_spread_seconds: '0x8 7.9 7.9 stale',
      websocket_limit_drain_seconds: '10x10 stale',
    },
    silent: ['4m30s', '5m', '10m'],
  },
  {
    alert: 'WebsocketDrainCutClients',
    when: 'for four clients in standby',
    series: {
      'websocket_drain_connections_total{outcome="cut"}': '0x8 4x2 stale',
      'websocket_drain_connections_total{outcome="closed"}': '0x8 20x2 stale',
    },
    silent: ['5m', '10m'],
  },
  {
    alert: 'WebsocketDrainLostLogLines',
    when: 'when a drain delivers all, and another release does not',
    series: {
      'websocket_log_lines_dropped_total{destination="loki",reason="shutdown"}': '0x10 stale',
      'websocket_log_lines_dropped_total{destination="loki",reason="buffer_full"}': '0x5 900x5 stale',
      'websocket_log_lines_dropped_total{release="other",destination="loki",reason="shutdown"}': '0x9 7 stale',
    },
    firing: [
      ['6m', 'release="demo"', 0],
      ['6m', 'release="other"', 1],
    ],
  },
  {
    alert: 'WebsocketConnectionsTooFew',
    when: 'where scrapes are missing',
    series: { websocket_active_connections: '50x10 _x30 50x10' },
    silent: ['10m', '20m', '25m'],
  },
  {
    alert: 'WebsocketConnectionsDropped',
    when: 'after a scale-down from 10 to 4, as clients go',
    interval: '1m',
    series: {
      ...each(TEN.slice(0, 4), 'websocket_active_connections', '500x60 100x60'),
      ...each(TEN.slice(4), 'websocket_active_connections', '500x60 stale'),
      ...each(TEN.slice(0, 4), 'websocket_ready', '1x120'),
      ...each(TEN.slice(4), 'websocket_ready', '1x60 stale'),
    },
    silent: ['65m', '80m', '110m'],
  },
  {
    alert: 'WebsocketConnectionsDropped',
    when: 'at night, when as many go as a week ago',
    interval: '10m',
    series: {
      // A day is 144 samples: 80 with clients, 64 without.
      websocket_active_connections: Array.from({ length: 8 }, () => '5000x79 300x63').join(' '),
      websocket_ready: '1x1200',
    },
    silent: ['7d13h30m', '7d13h50m', '7d14h10m', '7d15h'],
  },
  {
    alert: 'WebsocketConnectionsDropped',
    when: 'over a rollout that moves every client, and where there were hardly any',
    interval: '1m',
    series: {
      'websocket_active_connections{pod="a"}': '5000x70 0 stale',
      'websocket_ready{pod="a"}': '1x70 0 stale',
      'websocket_active_connections{pod="b"}': '_x69 0 0 4800x60',
      'websocket_ready{pod="b"}': '_x69 1x62',
      'websocket_active_connections{release="other",pod="z"}': '30x65 0x70',
      'websocket_ready{release="other",pod="z"}': '1x135',
    },
    silent: ['72m', '80m', '120m'],
  },
  {
    alert: 'WebsocketReconnectStorm',
    when: 'over a rollout of ten instances that moves 5,000 clients twice',
    series: {
      ...each(TEN, 'websocket_active_connections', '500x60'),
      ...each(TEN, 'websocket_connections_opened_total', '500x10 500+100x10 1500x40'),
      ...each(TEN, 'websocket_handshakes_rejected_total{reason="draining"}', '0x60'),
    },
    silent: ['8m', '10m', '12m', '15m'],
  },
  {
    alert: 'WebsocketHandshakesThrottled',
    when: 'for one address that is held back, among many that are not',
    series: {
      websocket_connections_opened_total: '0+3000x60',
      'websocket_handshakes_rejected_total{reason="rate"}': '0+60x60',
      'websocket_handshakes_rejected_total{reason="internal"}': '0+3000x60',
    },
    silent: ['12m', '25m'],
  },
  {
    alert: 'WebsocketSessionsUnusuallyLong',
    when: 'for a handful of connections that were open for a week',
    interval: '1m',
    series: {
      'websocket_connection_duration_seconds_bucket{le="172800"}': '0x200',
      'websocket_connection_duration_seconds_bucket{le="604800"}': '0x20 10x180',
      'websocket_connection_duration_seconds_bucket{le="+Inf"}': '0x20 10x180',
      websocket_connection_duration_seconds_count: '0x20 10x180',
    },
    silent: ['40m', '90m', '150m'],
  },
  {
    alert: 'WebsocketProbeFailing',
    when: 'where there is no probe, when one of two probers does not get there, and for the probe of another',
    series: {
      websocket_ready: '1x40',
      'probe_success{job="websocket-message-counter-probe",pod="x",instance="https://chat.example.org"}': '1x40',
      'probe_success{job="websocket-message-counter-probe",pod="y",instance="https://chat.example.org"}': '0x40',
      'probe_success{job="blackbox"}': '0x40',
    },
    silent: ['5m', '10m', '20m'],
  },
  {
    alert: 'WebsocketMessageBudgetBurn',
    when: 'in strict mode with a Redis that takes 12 ms',
    installation: { durability: 'strict' },
    interval: '1m',
    series: {
      websocket_message_duration_seconds_count: '0+600x400',
      'websocket_message_duration_seconds_bucket{le="0.01"}': '0x400',
      'websocket_message_duration_seconds_bucket{le="0.05"}': '0+600x400',
      'websocket_messages_rejected_total{reason="store"}': '0x400',
    },
    silent: ['10m', '1h', '2h', '6h'],
  },
  {
    alert: 'WebsocketMessageBudgetBurn',
    when: 'when counters begin at 0 again, and over a gap in the scrapes',
    interval: '1m',
    series: {
      websocket_message_duration_seconds_count: '9000+600x60 0+600x60 _x20 84000+600x60',
      'websocket_message_duration_seconds_bucket{le="0.01"}': '9000+600x60 0+600x60 _x20 84000+600x60',
      'websocket_messages_rejected_total{reason="store"}': '300x60 0x60 _x20 0x60',
    },
    silent: ['61m', '65m', '122m', '135m', '145m', '180m'],
  },
  {
    alert: 'WebsocketHandshakeBudgetBurn',
    when: 'in a storm that admission holds off',
    series: STORM_REFUSED,
    silent: ['10m', '20m', '40m'],
  },
];

function each(pods: readonly string[], metric: string, values: string): Record<string, string> {
  const [name = '', labels = ''] = metric.split(/[{}]/);
  const others = labels === '' ? '' : `,${labels}`;
  return Object.fromEntries(pods.map((pod) => [`${name}{pod="${pod}"${others}}`, values]));
}

/** One pod of ten is at its limit; the others are far from theirs. */
function nearLimit(alert: string, use: string, limit: string, most: number): readonly FalsePage[] {
  return [
    {
      alert,
      when: 'as a page when it is one instance of ten',
      series: {
        ...each(TEN, limit, `${most}x60`),
        ...each(TEN, use, `${most * 0.3}x60`),
        [`${use}{pod="p3"}`]: `${most * 0.3}x5 ${most}x55`,
      },
      firing: [
        ['20m', 'severity="critical"', 0],
        ['20m', 'severity="warning"', 1],
      ],
    },
  ];
}

/** Instances of one version after the other are replaced by those of the next. Samples are a minute apart. */
function rollout(instances: number, seconds: number): Record<string, string> {
  const series: Record<string, string> = {};
  for (let index = 0; index < instances; index += 1) {
    const minute = Math.floor((index * seconds) / 60);
    series[`websocket_build_info{pod="old${index}",version="1"}`] = `1x${minute + 1} stale`;
    series[`up{pod="old${index}"}`] = `1x${minute + 1} stale`;
    series[`websocket_build_info{pod="new${index}",version="2"}`] = `_x${minute} 1x80`;
    series[`up{pod="new${index}"}`] = `_x${minute} 1x80`;
  }
  return series;
}
