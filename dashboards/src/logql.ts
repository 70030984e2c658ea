/** Streams of the service. Labels are few on purpose: service, environment and level. */
const SERVICE = '{service=~"$service", environment=~"$environment"}';
const ERRORS = '{service=~"$service", environment=~"$environment", level=~"ERROR|CRITICAL"}';
const WARNINGS = '{service=~"$service", environment=~"$environment", level="WARN"}';
const PICKED = '{service=~"$service", environment=~"$environment", level=~"$level"}';
/** The release that the reader picked. Structured metadata, or labels where a collector ships the lines. */
const OF_RELEASE = '| namespace=~"$namespace" | release=~"$release"';
const OF_POD = `${OF_RELEASE} | pod=~"$pod"`;
/**
 * Lines of the session. While none is typed in, nothing: no line has an empty one. Loki finds the text faster than a field, and
 * a raw string takes any text but a backtick.
 */
const OF_SESSION = `|= \`"session_id":"\${session:raw}"\` ${OF_RELEASE}`;
/** A line of a session in words: what happened, at which count, and how a connection ended. Its fields stay a click away. */
const STORY = [
  '{{if eq .event "websocket_connected"}}connected from {{.client_ip}}, {{if eq .resumed "true"}}resumed at count {{.message_count}}{{else}}new{{end}}',
  '{{else if eq .event "websocket_message_received"}}  message {{.message_count}}, {{.message_length}} bytes, {{.duration_ms}} ms',
  '{{else if eq .event "websocket_disconnected"}}closed with {{.code}} by {{.initiator}} ({{.reason}}) after {{.duration_ms}} ms, at count {{.message_count}}',
  '{{else}}{{.level}} {{.message}}{{with .reason}}: {{.}}{{end}}{{with .detail}}: {{.}}{{end}}{{with .error_message}}: {{.}}{{end}}{{end}}, on {{regexReplaceAll "^.*-" .pod ""}}',
].join('');
/** A line that tells of trouble in words. */
const TROUBLE =
  '{{.message}}{{with .reason}}: {{.}}{{end}}{{with .outcome}}: {{.}}{{end}}{{with .detail}}: {{.}}{{end}}{{with .error_message}}: {{.}}{{end}}{{with .status}}, status {{.}}{{end}}{{with .client_ip}}, client {{.}}{{end}}{{with .suppressed}}{{if ne . "0"}} ({{.}} more like it){{end}}{{end}}';

/** Every LogQL query of the dashboards, by what it asks. */
export const LOGQL = {
  volumeByLevel: `sum by (level) (rate(${PICKED} ${OF_POD} [$__auto]))`,
  bytes: `sum(bytes_rate(${PICKED} ${OF_POD} [$__auto]))`,
  volumeByEvent: `topk(10, sum by (event) (rate(${PICKED} ${OF_POD} | json event="event" [$__auto])))`,

  errorLineRate: `sum by (level) (rate(${ERRORS} ${OF_POD} [$__auto]))`,
  errorsByMessage: `topk(10, sum by (message) (count_over_time(${ERRORS} ${OF_POD} | json message="message" [$__range])))`,
  warningsByReason: `sum by (event, reason) (rate(${WARNINGS} ${OF_POD} | json event="event", reason="reason" [$__auto]))`,
  errorLines: `${ERRORS} ${OF_POD} | json ${inWords(TROUBLE)}`,
  warningLines: `${WARNINGS} ${OF_POD} | json ${inWords(TROUBLE)}`,

  sessionLines: `${SERVICE} ${OF_SESSION} | json | event!~"$messages" ${inWords(STORY)}`,
  sessionConnections: `${SERVICE} ${OF_SESSION} |~ "websocket_(dis)?connected" | json ${inWords(STORY)}`,
  sessionMessages: `sum(rate(${SERVICE} ${OF_SESSION} |= "websocket_message_received" [$__auto]))`,

  lines: `${PICKED} |~ \`(?i)\${search:regex}\` ${OF_POD}`,
} as const satisfies Record<string, string>;

function inWords(template: string): string {
  return `| line_format \`${template}\``;
}
