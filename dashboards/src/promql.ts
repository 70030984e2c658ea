import {
  budgetRecord,
  BUDGET_STEP,
  errorsRecord,
  SLOS,
  targetRecord,
  totalRecord,
  type Slo,
} from '../../alerts/src/slos.ts';

/** Series of whole services: recorded ones have no pod. */
const SERVICE = 'job=~"$job",namespace=~"$namespace",release=~"$release"';
/** Series of the instances that the reader picked. */
const PICKED = `${SERVICE},pod=~"$pod"`;
/** Firing alerts: one that tells of missing series may not know the namespace and the release. */
const FIRING =
  'ALERTS{alertname=~"Websocket.+",alertstate="firing",job=~"$job",namespace=~"$namespace|",release=~"$release|"}';
/** The Deployment, of kube-state-metrics: its job is another one, and the chart gives it a name that begins with the release. */
const DEPLOYMENT =
  'namespace=~"$namespace",deployment=~".*websocket-message-counter.*",deployment=~"($release)(-websocket-message-counter)?"';
/** Labels that tell instances apart. */
const BY_POD = 'by (namespace, release, pod)';
/** Share of its limit from which on an instance is called full. */
const FULL = 0.95;
/** Most that the graph of burn rates shows. */
const MAX_BURN = 20;

const [MESSAGES, HANDSHAKES] = SLOS as readonly [Slo, Slo];

/** Every PromQL query of the dashboards, by what it asks. */
export const PROMQL = {
  // The first screen
  criticalAlerts: firing('critical'),
  warningAlerts: firing('warning'),
  readyInstances: `sum(websocket_ready{${SERVICE}}) or vector(0)`,
  wantedInstances: `sum(kube_deployment_spec_replicas{${DEPLOYMENT}}) or count(up{${SERVICE}}) or vector(0)`,
  fullestPod: `max(${useOf('websocket_active_connections', 'websocket_limit_connections')})`,
  goodMessages: goodShare(MESSAGES),
  goodHandshakes: goodShare(HANDSHAKES),
  // A comparison leaves out NaN, which is what no traffic gives.
  messageBudget: `min(${budgetRecord(MESSAGES)}{${SERVICE}} > -Inf)`,
  handshakeBudget: `min(${budgetRecord(HANDSHAKES)}{${SERVICE}} > -Inf)`,
  activeConnections: `sum(websocket_active_connections{${PICKED}})`,
  connectionLimit: `sum(websocket_limit_connections{${PICKED}})`,
  messageRate: rateBy('pod', 'websocket_messages_total'),
  errorRate: seenRateBy('type', 'websocket_errors_total'),
  connectionDurations: `sum by (le) (increase(websocket_connection_duration_seconds_bucket{${PICKED}}[$__rate_interval]))`,
  firingAlerts: `max by (severity, alertname, namespace, release, pod) (time() - ALERTS_FOR_STATE{alertname=~"Websocket.+",job=~"$job",namespace=~"$namespace|",release=~"$release|"} and ignoring (alertstate) ${FIRING})`,
  instanceStates: `max ${BY_POD} (websocket_ready{${PICKED}}) + 2 * max ${BY_POD} (websocket_draining{${PICKED}}) - 0.5 * (${useOf('websocket_active_connections', 'websocket_limit_connections')} >= bool ${FULL}) or max ${BY_POD} (up{${PICKED}} == 0) - 1`,
  connectionsByPod: `max ${BY_POD} (websocket_active_connections{${PICKED}})`,
  connectionUse: useOf('websocket_active_connections', 'websocket_limit_connections'),
  messagesByPod: `sum ${BY_POD} (${rate('websocket_messages_total')})`,
  errorsByPod: `sum ${BY_POD} (${rate('websocket_errors_total')})`,
  loopLagP99: `max ${BY_POD} (nodejs_eventloop_lag_p99_seconds{${PICKED}})`,
  memoryUse: useOf('process_resident_memory_bytes', 'websocket_limit_memory_bytes'),
  uptime: `min ${BY_POD} (time() - process_start_time_seconds{${PICKED}})`,
  versionByPod: `max by (namespace, release, pod, version) (websocket_build_info{${PICKED}})`,

  // Health over time
  messageBurn: burn(MESSAGES),
  handshakeBurn: burn(HANDSHAKES),

  // Errors
  errorRatio: `sum(${rate('websocket_errors_total')}) / (sum(${rate('websocket_messages_total')}) + sum(${rate('websocket_messages_rejected_total')}) + sum(${rate('websocket_connections_opened_total')}) + sum(${rate('websocket_handshakes_rejected_total')}) > 0)`,
  handshakesRejected: seenRateBy('reason', 'websocket_handshakes_rejected_total'),
  messagesRejected: seenRateBy('reason', 'websocket_messages_rejected_total'),
  tokens: seenRateBy('result', 'websocket_resume_tokens_total'),

  // Traffic
  opened: `sum(${rate('websocket_connections_opened_total')})`,
  closed: `sum(${rate('websocket_connections_closed_total')})`,
  sessions: `max ${BY_POD} (websocket_sessions{${PICKED}})`,
  receivedBytes: `sum(${rate('websocket_received_bytes_total')})`,
  sentBytes: `sum(${rate('websocket_sent_bytes_total')})`,

  // Latency
  messageP50: quantile(0.5, 'websocket_message_duration_seconds_bucket'),
  messageP95: quantile(0.95, 'websocket_message_duration_seconds_bucket'),
  messageP99: quantile(0.99, 'websocket_message_duration_seconds_bucket'),
  messageMean: `sum(${rate('websocket_message_duration_seconds_sum')}) / (sum(${rate('websocket_message_duration_seconds_count')}) > 0)`,
  messageHeatmap: `sum by (le) (increase(websocket_message_duration_seconds_bucket{${PICKED}}[$__rate_interval]))`,
  connectionP50: quantile(0.5, 'websocket_connection_duration_seconds_bucket'),
  connectionP95: quantile(0.95, 'websocket_connection_duration_seconds_bucket'),

  // Saturation
  sessionUse: useOf('websocket_sessions', 'websocket_limit_sessions'),
  loopLagMax: `max(nodejs_eventloop_lag_max_seconds{${PICKED}})`,
  cpu: `sum ${BY_POD} (${rate('process_cpu_seconds_total')})`,
  residentMemory: `max ${BY_POD} (process_resident_memory_bytes{${PICKED}})`,
  memoryLimit: `min(websocket_limit_memory_bytes{${PICKED}} > 0)`,
  heapUsed: `max ${BY_POD} (nodejs_heap_size_used_bytes{${PICKED}})`,
  heapTotal: `max(nodejs_heap_size_total_bytes{${PICKED}})`,
  externalMemory: `max(nodejs_external_memory_bytes{${PICKED}})`,
  collection: seenRateBy('kind', 'nodejs_gc_duration_seconds_sum'),
  limits: `max by (__name__) ({__name__=~"websocket_limit_.+",${PICKED}})`,

  // Rollouts and drains
  versions: `count by (version, node_version) (websocket_build_info{${PICKED}})`,
  drainTime: `max ${BY_POD} (websocket_shutdown_time_seconds{${PICKED}}) > 0`,
  drainClosing: `max ${BY_POD} (websocket_drain_closing_seconds{${PICKED}}) > 0`,
  drainLimit: `max(websocket_limit_drain_seconds{${PICKED}})`,
  drainLeft: `max ${BY_POD} (websocket_active_connections{${PICKED}}) and max ${BY_POD} (websocket_draining{${PICKED}}) == 1`,
  drainOutcomes: `sum by (outcome) (increase(websocket_drain_connections_total{${PICKED}}[$__rate_interval]))`,
  closesByCode: seenRateBy('code, initiator', 'websocket_connections_closed_total'),
  sessionsCreated: `sum(${rate('websocket_sessions_created_total')})`,
  sessionsResumed: `sum(${rate('websocket_sessions_resumed_total')})`,

  // Session store
  storeUp: `min ${BY_POD} (websocket_store_up{${PICKED}})`,
  storeErrors: seenRateBy('operation, reason', 'websocket_store_errors_total'),
  storeRefusals: `sum(rate(websocket_errors_total{${PICKED},type="store"}[$__rate_interval])) > 0`,
  storeP99: `histogram_quantile(0.99, sum by (operation, le) (${rate('websocket_store_operation_duration_seconds_bucket')})) >= 0`,
  storeOperations: seenRateBy('operation', 'websocket_store_operation_duration_seconds_count'),
  storePendingMessages: `sum(websocket_store_pending_messages{${PICKED}})`,
  storePendingSessions: `sum(websocket_store_pending_sessions{${PICKED}})`,

  // Log path
  linesShipped: seenRateBy('destination', 'websocket_log_lines_shipped_total'),
  linesDropped: seenRateBy('destination, reason', 'websocket_log_lines_dropped_total'),
  logQueue: `max by (destination) (websocket_log_queue_bytes{${PICKED}})`,
  stdoutLimit: `min(websocket_limit_log_buffer_bytes{${PICKED}})`,
  lokiLimit: `min(websocket_limit_loki_buffer_bytes{${PICKED}})`,
  lokiLag: `max ${BY_POD} (websocket_loki_lag_seconds{${PICKED}}) and max ${BY_POD} (max_over_time(websocket_loki_lag_seconds{${PICKED}}[$__range] @ end())) > 0`,
  lokiPushes: seenRateBy('outcome', 'websocket_loki_pushes_total'),
  lokiP99: `histogram_quantile(0.99, sum by (le) (${rate('websocket_loki_push_duration_seconds_bucket')})) >= 0`,

  // Annotations. The value of the first is the time, in milliseconds: a rollout begins with the first pod of a ReplicaSet.
  rollouts: `min by (namespace, release, replicaset) (label_replace(min_over_time(process_start_time_seconds{${PICKED}}[$__rate_interval]), "replicaset", "$1", "pod", "(.+)-[^-]+")) * 1000`,
  drains: `max ${BY_POD} (max_over_time(websocket_draining{${PICKED}}[$__rate_interval])) == 1`,
  alerts: FIRING.replace('{', '{severity="critical",'),
} as const satisfies Record<string, string>;

/** Values of the variables, the picked ones of the variables before them. */
export const LABEL_VALUES = {
  job: 'label_values(websocket_build_info, job)',
  namespace: 'label_values(websocket_build_info{job=~"$job"}, namespace)',
  release: 'label_values(websocket_build_info{job=~"$job",namespace=~"$namespace"}, release)',
  pod: `label_values(websocket_build_info{${SERVICE}}, pod)`,
} as const;

function rate(metric: string): string {
  return `rate(${metric}{${PICKED}}[$__rate_interval])`;
}

function rateBy(label: string, metric: string): string {
  return `sum by (${label}) (${rate(metric)})`;
}

/** Without the series that are zero over the whole time shown. */
function seenRateBy(label: string, metric: string): string {
  const seen = `sum by (${label}) (increase(${metric}{${PICKED}}[$__range] @ end())) > 0`;
  return `${rateBy(label, metric)} and ${seen}`;
}

function quantile(q: number, metric: string): string {
  return `histogram_quantile(${q}, sum by (le) (${rate(metric)})) >= 0`;
}

/** 0 is no limit. */
function useOf(metric: string, limit: string): string {
  return `max ${BY_POD} (${metric}{${PICKED}}) / (max ${BY_POD} (${limit}{${PICKED}}) > 0)`;
}

/** 0 only where the rules are evaluated: without them there is no data, which is no good news. */
function firing(severity: string): string {
  return `count(${FIRING.replace('{', `{severity="${severity}",`)}) or 0 * count(${targetRecord(MESSAGES)}{${SERVICE}})`;
}

/** From recorded series, which know the objective that the alerts have. */
function goodShare(slo: Slo): string {
  const sum = (record: string): string => `sum(sum_over_time(${record}{${SERVICE}}[$__range]))`;
  return `1 - ${sum(errorsRecord(slo, BUDGET_STEP))} / (${sum(totalRecord(slo, BUDGET_STEP))} > 0)`;
}

function burn(slo: Slo): string {
  const errors = `${errorsRecord(slo, BUDGET_STEP)}{${SERVICE}}`;
  const total = `${totalRecord(slo, BUDGET_STEP)}{${SERVICE}}`;
  return `clamp_max(max(${errors} / (${total} > 0) / (1 - ${targetRecord(slo)}{${SERVICE}})), ${MAX_BURN})`;
}
