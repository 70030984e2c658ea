/** Values of a made-up scrape that tests change; all else is as an idle, ready service has it. */
export interface MetricValues {
  readonly messages?: number;
  readonly connections?: number;
  readonly internalErrors?: number;
  readonly clientErrors?: number;
  readonly dropped?: number;
  /** Seconds since the drain began; 0 before. */
  readonly drainSeconds?: number;
  /** Seconds since 1970. */
  readonly startedAt?: number;
  readonly memoryBytes?: number;
}

/** A scrape in the text format with the names that the service has (metrics-names.test.ts checks them). */
export function metricsText(values: MetricValues = {}): string {
  const { messages = 0, connections = 0, internalErrors = 0, clientErrors = 0, dropped = 0 } = values;
  const { drainSeconds = 0, startedAt = 1000, memoryBytes = 100 * 1024 * 1024 } = values;
  return `# HELP websocket_messages_total Messages counted and answered.
# TYPE websocket_messages_total counter
websocket_messages_total ${messages}
websocket_active_connections ${connections}
websocket_limit_connections 10000
websocket_shutdown_time_seconds ${drainSeconds}
websocket_draining ${drainSeconds > 0 ? 1 : 0}
websocket_ready ${drainSeconds > 0 ? 0 : 1}
websocket_errors_total{type="internal"} ${internalErrors}
websocket_errors_total{type="store"} 0
websocket_errors_total{type="rate_limited"} ${clientErrors}
websocket_log_lines_dropped_total{destination="stdout",reason="buffer_full"} ${dropped}
websocket_connections_opened_total ${connections}
websocket_connections_closed_total{code="1000",initiator="client"} 0
process_resident_memory_bytes ${memoryBytes}
process_start_time_seconds ${startedAt}
`;
}
