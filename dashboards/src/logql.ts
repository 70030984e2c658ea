/** Streams that the reader picked. Labels are few on purpose: service, environment and level. */
const STREAMS = '{service=~"$service", environment=~"$environment", level=~"$level"}';
const ERROR_STREAMS = '{service=~"$service", environment=~"$environment", level=~"ERROR|CRITICAL"}';
const WARN_STREAMS = '{service=~"$service", environment=~"$environment", level="WARN"}';
/** A line's pod is structured metadata, a label or a field of the line, depending on who shipped it: `json` finds all of them. */
const OF_POD = '| json | pod=~"$pod"';
/** While no session is typed in, nothing: not every line without one. */
const OF_SESSION = '| json | session_id!="" | session_id="$session"';
/** A line of a session in words: what happened, at which count, and how a connection ended. Its fields stay a click away. */
const IN_WORDS =
  '| line_format "{{.message}}, count {{.message_count}}{{if .code}}, {{.code}} by {{.initiator}} ({{.reason}}) after {{.duration_ms}} ms{{end}}"';

/** Every LogQL query of the dashboards, by what it asks. */
export const LOGQL = {
  volumeByLevel: `sum by (level) (count_over_time(${STREAMS} ${OF_POD} [$__auto]))`,
  bytes: `sum(bytes_rate(${STREAMS} [$__auto]))`,
  volumeByEvent: `topk(10, sum by (event) (count_over_time(${STREAMS} ${OF_POD} [$__auto])))`,

  errorLineRate: `sum by (level) (rate(${ERROR_STREAMS} ${OF_POD} [$__auto]))`,
  errorsByMessage: `topk(10, sum by (message) (count_over_time(${ERROR_STREAMS} ${OF_POD} [$__range])))`,
  warningsByReason: `sum by (event, reason) (count_over_time(${WARN_STREAMS} ${OF_POD} [$__auto]))`,
  errorLines: `${ERROR_STREAMS} ${OF_POD}`,
  warningLines: `${WARN_STREAMS} ${OF_POD}`,

  sessionLines: `{service=~"$service", environment=~"$environment"} ${OF_SESSION} ${IN_WORDS}`,
  sessionConnections: `{service=~"$service", environment=~"$environment"} ${OF_SESSION} | event=~"websocket_connected|websocket_disconnected" ${IN_WORDS}`,
  sessionMessages: `sum(count_over_time({service=~"$service", environment=~"$environment"} ${OF_SESSION} | event="websocket_message_received" [$__auto]))`,

  lines: `${STREAMS} |~ "(?i)$search" ${OF_POD}`,
} as const satisfies Record<string, string>;

/** Labels whose values the variables offer. */
export const LOG_LABELS = ['service', 'environment'] as const;
