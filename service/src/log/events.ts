export { LOG_LEVELS, type LogLevel } from './levels.ts';

/**
 * Every value of a log line's `event` field, with its meaning. The table in docs/logs.md is generated from it.
 */
export const LOG_EVENTS = {
  service_starting: 'The process starts; its version and the options that differ from their defaults.',
  service_listening:
    'Ready: `port`, `admin_port` and `metrics_port` if there are any, and `startup_ms` since the process began.',
  service_failed: 'CRITICAL: the process cannot start or cannot continue; `error` says why.',
  service_stopped: 'The last line: the exit `status` and why.',
  config_warning: 'A variable looks misspelled, or a limit does not fit the machine.',

  websocket_connected: 'A handshake was accepted: session, client, `resumed` or new, the count it starts from.',
  websocket_message_received: 'A message was counted and answered: its count, length and handling time.',
  websocket_message_content: 'DEBUG only: the content of a message.',
  websocket_bye_sent: 'DEBUG only: the bye before a 1001, with its total and `retry_after_ms`.',
  websocket_disconnected:
    'A connection closed: `code`, `initiator`, `reason`, how long it was open, the count of its session; `cut` if a drain closed it and the client did not answer.',
  websocket_handshake_rejected: 'WARN at a limited rate: a handshake was refused, with its `reason` and status.',
  websocket_client_error:
    'WARN at a limited rate: a client violated the protocol or a limit, and its connection was ended.',
  websocket_handler_failed:
    'ERROR: the handler failed for a message, or took too long: the `error`; the connection is closed with 1011.',
  websocket_internal_error: 'ERROR: handling a connection or a message failed in the service.',

  store_unavailable:
    'ERROR at a limited rate: the session store failed, or a connection to one of its servers, with the `reason` and the error.',
  store_lost:
    'ERROR: the session store lost data (restarted empty, failed over to a replica that was behind, evicted keys); resumes get 1013 for `hold_seconds`, while instances write their counts.',
  store_warning:
    'WARN, after the first connect with STORE_REPLICAS or STORE_FSYNC: what settings of the store lose, or why it acknowledges nothing.',
  store_files_changed:
    'The files of the store (REDIS_PASSWORD_FILE and its like) hold something else, and the connection that uses it works: what they held before is no longer needed.',
  store_files_failed: 'ERROR: the files of the store changed, and can not be used; what they held before is used.',
  store_available: 'The session store works: for the first time, or again after `away_seconds`.',

  resume_keys_changed:
    'The files of the keys of resume tokens hold others: tokens of both are accepted, and the new one signs in `signs_in_seconds`.',
  resume_keys_failed:
    'ERROR: the files of the keys of resume tokens changed, and can not be read; the keys from before are used.',

  readiness_changed: 'WARN: the process is too full to be ready (READINESS_CONNECTIONS_RATIO), or no longer is.',
  drain_started: 'The preStop hook or a signal began the drain: readiness fails from now on.',
  drain_hook_finished: 'The preStop hook returns: how long it waited, and for what.',
  drain_closing: 'The service starts to close connections: how many, over which window.',
  drain_progress: 'Once a second: connections closed and left.',
  drain_finished:
    'Every connection is closed and every count flushed: how many connections there were, and how long it took.',
  drain_deadline_missed: 'ERROR: DRAIN_TIMEOUT_SECONDS passed with work left; remaining connections are cut.',
  final_scrape: 'The wait for one more scrape ended: scraped, or given up after FINAL_SCRAPE_WAIT_SECONDS.',
  loki_push_failing:
    'WARN, at most every 30 s: lines do not reach Loki, with the last outcome, for how long, and how many lines were dropped.',
  loki_push_recovered: 'Lines reach Loki again: after how long, and how many were dropped.',
  loki_thread_failed:
    'ERROR: the thread that ships lines failed; the lines it held are lost, and a new thread takes over.',
  loki_lines_lost:
    'WARN, on stdout only: Loki did not take the last lines within LOKI_FLUSH_SECONDS; later lines are on stdout alone.',
  tracing_failed: 'WARN at a limited rate: spans do not reach the OpenTelemetry Collector; `detail` says why.',
  uncaught_error: 'CRITICAL: an error that no code expected. The process drains what it can and exits.',
  http_error: 'ERROR: answering an HTTP request failed in the service.',
} as const;

/** A key of {@link LOG_EVENTS}. */
export type LogEvent = keyof typeof LOG_EVENTS;
