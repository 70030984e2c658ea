import { Registry } from 'prom-client';
import { defaultConfig, OPTIONS, type Option } from '../service/src/config/options.ts';
import { LOG_EVENTS } from '../service/src/log/events.ts';
import { createMetrics, ERROR_TYPES, SERVER_ERROR_TYPES } from '../service/src/metrics/metrics.ts';
import { CLOSE_CODES, REFUSALS, WEBSOCKET_PATH } from '../service/src/protocol/protocol.ts';
import { VERSION } from '../lib/version.ts';

/** Pages of docs/ that are made from definitions in the code: file name and text. `npm run docs` writes them. */
export const SERVICE_PAGES: Readonly<Record<string, () => string | Promise<string>>> = {
  'configuration.md': configurationPage,
  'metrics.md': metricsPage,
  'protocol.md': protocolPage,
  'logs.md': logsPage,
};

/** What every generated page says first. */
export const GENERATED = '<!-- Written by `npm run docs` from the code; do not edit. -->';

function configurationPage(): string {
  return `${GENERATED}

# Configuration

Every option is an environment variable, in development also a line of a \`.env\` file in the working directory (\`NODE_ENV=production\` turns
that off). Times are seconds, sizes are bytes. An empty variable counts as not set. Bad values stop the start with exit status 2 and all
problems listed; \`node service/src/main.ts --check-config\` only checks. A variable that looks like a misspelt option is warned about.

${configTable()}
`;
}

async function metricsPage(): Promise<string> {
  const registry = new Registry();
  const nothing = (): number => 0;
  createMetrics(registry, defaultConfig(), VERSION, {
    activeConnections: nothing,
    sessions: nothing,
    storeHealth: () => ({ up: true, pendingMessages: 0, pendingSessions: 0 }),
    ready: () => false,
    draining: () => false,
    shutdownSeconds: nothing,
    closingSeconds: nothing,
    logPaths: {},
    lokiLagSeconds: nothing,
  });
  const all = await registry.getMetricsAsJSON();
  const rows = all.map(({ name, type, help, values }) => {
    const labels = new Set(values.flatMap(({ labels: set }) => Object.keys(set)));
    labels.delete('le');
    return `| \`${name}\` | ${String(type)} | ${[...labels].map((label) => `\`${label}\``).join(', ')} | ${cell(help)} |`;
  });
  return `${GENERATED}

# Metrics

Served at \`/metrics/\` in the Prometheus text format. Durations are seconds, sizes bytes. No label has unbounded values, and every known label
value is there, at 0, from the first scrape. Counters agree exactly with what clients saw; what a scrape reads is a moment between two
messages.

| Metric | Type | Labels | Meaning |
|---|---|---|---|
${rows.join('\n')}

\`type\` of \`websocket_errors_total\`; the service's own faults, which an SLO counts, are marked:

| Type | Meaning | Whose fault |
|---|---|---|
${Object.entries(ERROR_TYPES)
  .map(
    ([type, meaning]) =>
      `| \`${type}\` | ${cell(meaning)} | ${(SERVER_ERROR_TYPES as string[]).includes(type) ? 'service' : 'client or network'} |`,
  )
  .join('\n')}
`;
}

function protocolPage(): string {
  const codes = Object.values(CLOSE_CODES).map(({ code, when, client }) => `| ${code} | ${when} | ${client} |`);
  const refusals = Object.entries(REFUSALS).map(
    ([error, { status, when }]) => `| ${status} | \`${error}\` | ${cell(when)} |`,
  );
  return `${GENERATED}

# Protocol

\`ws://host:8080${WEBSOCKET_PATH}\`, optionally \`?session_id=<UUID>\`. Without it the service makes a session; the header \`X-Session-Id\` of the 101
answer tells which, as does every bye.

| On the wire | Meaning |
|---|---|
| any text message in | is counted; the reply is \`{"count": n}\`, n being the count of the session, one reply a message, in order |
| \`{"ts": "2024-01-15T10:30:00.123Z"}\` | heartbeat, every HEARTBEAT_INTERVAL_SECONDS, with a ping besides |
| \`{"bye":true,"total":n,"session_id":"...","retry_after_ms":t}\` | the service is about to close with 1001: wait t milliseconds, connect again with this \`session_id\`. What was sent and not answered by now is not counted |
| \`"resume":"..."\` in the bye | where RESUME_TOKEN_KEY is set: a signed token. Pass it as \`&resume=<token>\` beside \`session_id\` until a count was told on the new connection, and any instance goes on from this total. A token that is not taken is refused with 403 \`resume_token\`: connect again without it ([sessions](sessions.md)) |

Two connections may hold one session at once: both count into it, and no count is lost or doubled.

## Close codes

| Code | When | What a good client does |
|---|---|---|
${codes.join('\n')}

A client that does not read is ended without a close frame (1006) when more than MAX_BUFFERED_BYTES wait for it; so is one that answers no ping
from one heartbeat to the next.

## Refused handshakes

A plain HTTP status, with a JSON body: \`{"error": "...", "message": "...", "request_id": "..."}\`. 429 and 503 also have \`retry_after_ms\`, and the
header Retry-After in whole seconds.

| Status | \`error\` | When |
|---|---|---|
${refusals.join('\n')}
`;
}

function logsPage(): string {
  const events = Object.entries(LOG_EVENTS).map(([event, meaning]) => `| \`${event}\` | ${cell(meaning)} |`);
  return `${GENERATED}

# Logs

One JSON object a line on stdout, in batches, at most some milliseconds late. Numbers are numbers, dates ISO 8601 in UTC. While stdout is read
too slowly, up to LOG_BUFFER_BYTES wait, and lines beyond are dropped and counted (\`websocket_log_lines_dropped_total\`); when it is gone, the
service serves on.

| Field | Meaning |
|---|---|
| \`timestamp\` | when, to the millisecond |
| \`level\` | DEBUG detailed flow, with the content of messages; INFO normal operations; WARN unexpected but recoverable; ERROR failures; CRITICAL the process can not go on |
| \`logger\` | the part that speaks: \`chat.consumers\` for connections, \`chat.service\`, \`chat.http\` |
| \`message\` | a constant sentence; begins with "WebSocket" for connection events |
| \`event\` | what happened, from the table below |
| \`request_id\` | one for each handshake: a valid X-Request-Id, or a new UUID |
| \`session_id\` | the session's UUID: filter by it to read a session's whole story |
| \`client_ip\` | the client's address, behind trusted proxies the one they name |
| \`message_count\`, \`message_length\`, \`duration_ms\` | the session's count, bytes of the message, milliseconds of handling it (of being open, for a connection) |

| Event | Meaning |
|---|---|
${events.join('\n')}
`;
}

/** The options as a Markdown table. */
function configTable(): string {
  const rows = Object.values<Option<unknown>>(OPTIONS).map(({ name, fallback, unit, rule, doc }) => {
    const value = fallback === '' ? '' : `\`${fallback}\``;
    const bounds = rule === '' || rule === unit ? unit : `${unit}; ${rule}`;
    return `| \`${name}\` | ${value} | ${cell(bounds)} | ${cell(doc)} |`;
  });
  return ['| Variable | Default | Unit and rule | What it does |', '|---|---|---|---|', ...rows].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
