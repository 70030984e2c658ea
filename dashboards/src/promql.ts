import {
  budgetRecord,
  BUDGET_STEP,
  errorsRecord,
  SLOS,
  targetRecord,
  totalRecord,
  type Slo,
} from '../../alerts/src/slos.ts';

/** Series of the instances that the reader picked. */
const PICKED = 'namespace=~"$namespace",release=~"$release",pod=~"$pod"';
/** Series of whole services: recorded ones have no pod. */
const SERVICE = 'namespace=~"$namespace",release=~"$release"';
/** Labels that tell instances apart. */
const BY_POD = 'by (namespace, release, pod)';

const [MESSAGES, HANDSHAKES] = SLOS as readonly [Slo, Slo];

/** Every PromQL query of the dashboards, by what it asks. */
export const PROMQL = {
  // Health
  readyInstances: `sum(websocket_ready{${PICKED}})`,
  instances: `count(up{${PICKED}})`,
  instanceStates: `max ${BY_POD} (websocket_ready{${PICKED}}) + 2 * max ${BY_POD} (websocket_draining{${PICKED}})`,
  goodMessages: goodShare(MESSAGES),
  goodHandshakes: goodShare(HANDSHAKES),
  messageBudget: `min(${budgetRecord(MESSAGES)}{${SERVICE}})`,
  handshakeBudget: `min(${budgetRecord(HANDSHAKES)}{${SERVICE}})`,
  messageBurn: burn(MESSAGES),
  handshakeBurn: burn(HANDSHAKES),
  firingAlerts: `sum by (alertname, severity, namespace, release, pod) (ALERTS{alertname=~"Websocket.+",alertstate="firing",${SERVICE}})`,

  // Traffic
  activeConnections: `sum(websocket_active_connections{${PICKED}})`,
  connectionLimit: `sum(websocket_limit_connections{${PICKED}})`,
  connectionsByPod: `max ${BY_POD} (websocket_active_connections{${PICKED}})`,
  messageRate: rateBy('pod', 'websocket_messages_total'),
  opened: `sum(${rate('websocket_connections_opened_total')})`,
  closed: `sum(${rate('websocket_connections_closed_total')})`,
  sessions: `max ${BY_POD} (websocket_sessions{${PICKED}})`,
  receivedBytes: `sum(${rate('websocket_received_bytes_total')})`,
  sentBytes: `sum(${rate('websocket_sent_bytes_total')})`,

  // Errors
  errorRate: rateBy('type', 'websocket_errors_total'),
  errorRatio: `sum(${rate('websocket_errors_total')}) / (sum(${rate('websocket_messages_total')}) + sum(${rate('websocket_messages_rejected_total')}) + sum(${rate('websocket_connections_opened_total')}) + sum(${rate('websocket_handshakes_rejected_total')}))`,
  handshakesRejected: rateBy('reason', 'websocket_handshakes_rejected_total'),
  messagesRejected: rateBy('reason', 'websocket_messages_rejected_total'),
  tokens: rateBy('result', 'websocket_resume_tokens_total'),

  // Latency
  messageP50: quantile(0.5, 'websocket_message_duration_seconds_bucket'),
  messageP95: quantile(0.95, 'websocket_message_duration_seconds_bucket'),
  messageP99: quantile(0.99, 'websocket_message_duration_seconds_bucket'),
  messageMean: `sum(${rate('websocket_message_duration_seconds_sum')}) / sum(${rate('websocket_message_duration_seconds_count')})`,
  messageHeatmap: `sum by (le) (increase(websocket_message_duration_seconds_bucket{${PICKED}}[$__rate_interval]))`,
  connectionDurations: `sum by (le) (increase(websocket_connection_duration_seconds_bucket{${PICKED}}[$__range]))`,
  connectionP50: quantile(0.5, 'websocket_connection_duration_seconds_bucket'),
  connectionP95: quantile(0.95, 'websocket_connection_duration_seconds_bucket'),

  // Saturation
  connectionUse: useOf('websocket_active_connections', 'websocket_limit_connections'),
  sessionUse: useOf('websocket_sessions', 'websocket_limit_sessions'),
  loopLagP99: `max ${BY_POD} (nodejs_eventloop_lag_p99_seconds{${PICKED}})`,
  loopLagMax: `max ${BY_POD} (nodejs_eventloop_lag_max_seconds{${PICKED}})`,
  cpu: `sum ${BY_POD} (${rate('process_cpu_seconds_total')})`,
  residentMemory: `max ${BY_POD} (process_resident_memory_bytes{${PICKED}})`,
  heapUsed: `max ${BY_POD} (nodejs_heap_size_used_bytes{${PICKED}})`,
  heapTotal: `max ${BY_POD} (nodejs_heap_size_total_bytes{${PICKED}})`,
  externalMemory: `max ${BY_POD} (nodejs_external_memory_bytes{${PICKED}})`,
  collection: `sum by (kind) (${rate('nodejs_gc_duration_seconds_sum')})`,
  limits: `max by (__name__) ({__name__=~"websocket_limit_.+",${PICKED}})`,

  // Rollouts and drains
  versions: `count by (version, node_version) (websocket_build_info{${PICKED}})`,
  uptime: `min ${BY_POD} (time() - process_start_time_seconds{${PICKED}})`,
  drainTime: `max ${BY_POD} (websocket_shutdown_time_seconds{${PICKED}}) > 0`,
  drainClosing: `max ${BY_POD} (websocket_drain_closing_seconds{${PICKED}}) > 0`,
  drainLimit: `max(websocket_limit_drain_seconds{${PICKED}})`,
  drainLeft: `max ${BY_POD} (websocket_active_connections{${PICKED}}) and max ${BY_POD} (websocket_draining{${PICKED}}) == 1`,
  drainOutcomes: `sum by (outcome) (increase(websocket_drain_connections_total{${PICKED}}[$__rate_interval]))`,
  closesByCode: `sum by (code, initiator) (${rate('websocket_connections_closed_total')}) > 0`,
  sessionsCreated: `sum(${rate('websocket_sessions_created_total')})`,
  sessionsResumed: `sum(${rate('websocket_sessions_resumed_total')})`,

  // Session store
  storeUp: `min ${BY_POD} (websocket_store_up{${PICKED}})`,
  storeErrors: rateBy('operation, reason', 'websocket_store_errors_total'),
  storeRefusals: `sum(rate(websocket_errors_total{${PICKED},type="store"}[$__rate_interval]))`,
  storeP99: `histogram_quantile(0.99, sum by (operation, le) (${rate('websocket_store_operation_duration_seconds_bucket')})) >= 0`,
  storeOperations: rateBy('operation', 'websocket_store_operation_duration_seconds_count'),
  storePendingMessages: `sum(websocket_store_pending_messages{${PICKED}})`,
  storePendingSessions: `sum(websocket_store_pending_sessions{${PICKED}})`,

  // Log path
  linesShipped: rateBy('destination', 'websocket_log_lines_shipped_total'),
  linesDropped: rateBy('destination, reason', 'websocket_log_lines_dropped_total'),
  logQueue: `max by (destination) (websocket_log_queue_bytes{${PICKED}})`,
  lokiLag: `max ${BY_POD} (websocket_loki_lag_seconds{${PICKED}})`,
  lokiPushes: rateBy('outcome', 'websocket_loki_pushes_total'),
  lokiP99: `histogram_quantile(0.99, sum by (le) (${rate('websocket_loki_push_duration_seconds_bucket')})) >= 0`,

  // Annotations: the value of the first is the time, in milliseconds.
  starts: `min ${BY_POD} (process_start_time_seconds{${PICKED}}) * 1000`,
  drains: `max ${BY_POD} (websocket_draining{${PICKED}}) == 1`,
  alerts: `ALERTS{alertname=~"Websocket.+",alertstate="firing",${SERVICE}}`,
} as const satisfies Record<string, string>;

/** Values of the variables, the picked ones of the variables before them. */
export const LABEL_VALUES = {
  namespace: 'label_values(websocket_build_info, namespace)',
  release: 'label_values(websocket_build_info{namespace=~"$namespace"}, release)',
  pod: `label_values(websocket_build_info{${SERVICE}}, pod)`,
} as const;

function rate(metric: string): string {
  return `rate(${metric}{${PICKED}}[$__rate_interval])`;
}

function rateBy(label: string, metric: string): string {
  return `sum by (${label}) (${rate(metric)})`;
}

function quantile(q: number, metric: string): string {
  return `histogram_quantile(${q}, sum by (le) (${rate(metric)}))`;
}

function useOf(metric: string, limit: string): string {
  return `max ${BY_POD} (${metric}{${PICKED}}) / max ${BY_POD} (${limit}{${PICKED}})`;
}

/** From recorded series, which know the objective that the alerts have. */
function goodShare(slo: Slo): string {
  const sum = (record: string): string => `sum(sum_over_time(${record}{${SERVICE}}[$__range]))`;
  return `1 - ${sum(errorsRecord(slo, BUDGET_STEP))} / ${sum(totalRecord(slo, BUDGET_STEP))}`;
}

function burn(slo: Slo): string {
  const errors = `${errorsRecord(slo, BUDGET_STEP)}{${SERVICE}}`;
  const total = `${totalRecord(slo, BUDGET_STEP)}{${SERVICE}}`;
  return `max(${errors} / ${total} / (1 - ${targetRecord(slo)}{${SERVICE}}))`;
}
