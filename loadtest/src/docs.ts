import { ASSERTABLE } from './asserts.ts';
import { BEHAVIOURS } from './behaviours.ts';
import { VIOLATIONS } from './count-ledger.ts';
import { EXIT_STATUSES, optionsTable } from './options.ts';
import { SCENARIOS } from './scenarios.ts';

/** The whole of docs/loadtest.md, from the definitions in the code. */
export function renderLoadtestDocs(): string {
  return `<!-- Written by \`npm run docs\` from the code; do not edit. -->

# Load test

Opens WebSockets, sends messages on schedule, checks every count that it is told, and compares its totals with the service's metrics.

\`\`\`bash
npm run loadtest -- --sockets 1000 --rate 10 --duration 300 --host ws://localhost:8080 --send-rate 0.1
npm run loadtest -- --scenario reconnect-storm --report storm.html
npm run loadtest -- --duration 30 --json --assert 'p99<10ms' --assert 'errors<0.1%' --assert lost=0 > result.json
npm run loadtest -- --host wss://chat.example.com --metrics-url http://10.0.0.4:8080/metrics/ --metrics-url http://10.0.0.5:8080/metrics/
\`\`\`

In a terminal it shows one line that is written anew each second; elsewhere plain lines. Ctrl-C ends the run early, in order, with its report.

## Options

${optionsTable()}

| Exit status | Meaning |
|---|---|
${rows(Object.entries(EXIT_STATUSES))}

## What is checked

Each socket is a session of its own, and its next count must be the last one plus 1, over as many connections as it takes. After a connection was
cut, the next count may be further on by the messages that had been sent and not answered, since nobody can know whether they had been
counted: these are told apart as *unanswered at a disconnect*. After a bye or an orderly close none of them was counted, so the next count must be
exact. A count told wrongly is reported with its session, and fails the run:

| Kind | Meaning |
|---|---|
${rows(Object.entries(VIOLATIONS))}

At the end the change of \`websocket_messages_total\`, \`websocket_connections_opened_total\` and \`websocket_connections_closed_total{code}\` over the
run, summed over all \`--metrics-url\`, must be what the clients saw; a difference fails the run. Other clients of the same
instances show as a difference. What clients can't know is a range: messages without an answer, handshakes without one. An instance that restarted
in between can't be compared, which is a warning; \`--assert differences=0\` makes it a failure.

## What is measured

Sending is open-loop: a message is due at a time that depends on \`--send-rate\` alone, and its latency counts from then, so that a stall of the service is
felt by every message that was due in it (no coordinated omission). The schedule has a resolution of 1 ms: a message sent up to that much
later is on time. Connections are opened on schedule, and timed, in the same way. Quantiles come from a histogram that is exact to 0.1 %,
merged over all processes.

Messages that were due while their socket was away are not sent later; they are counted as *missed*. *Away* is the time from the loss of a connection
to the session's next one.

The load test watches its own event loop. When it could not keep its schedule it says so, since latencies are its own in part then: use more
\`--processes\`, another machine or less load.

Errors are ends that a client did not deserve: refused handshakes, failed connections, closes without a bye, replies that took longer than
\`--reply-timeout\`. They are shown by kind and fail the run only by an assertion.

## Good and bad clients

On a bye, a 1013 or a refusal a client waits as long as it is told (\`retry_after_ms\` in the bye, the close reason or the JSON body, else
Retry-After and up to a second more); after any other loss it backs off exponentially with full jitter. Then it resumes its session with
\`session_id\`, and with the \`resume\` token of the bye if there was one, until a count was told on the new connection or the token was refused.
It gives up on 400, 401, 404, 405, 426, and on a 403 that is not about the token. \`--reconnect immediately\` and \`--no-reconnect\` show what bad
clients do.

## Scenarios

${SCENARIOS.map(scenarioText).join('\n\n')}

Clients that a scenario can have:

| Behaviour | What it does, and how its connections may end |
|---|---|
${rows(Object.entries(BEHAVIOURS).map(([name, { doc }]) => [name, doc]))}

## Assertions

\`--assert NAME OP NUMBER\`, with \`<\`, \`<=\`, \`>\`, \`>=\` or \`=\`. Times need a unit (\`us\`, \`ms\`, \`s\`).

| Name | Of | Meaning |
|---|---|---|
${rows(Object.entries(ASSERTABLE).map(([name, { unit, doc }]) => [name, UNITS[unit], doc]))}

## Scale

One process holds 10,000 sockets. \`--processes\` divides them where that is too much for one core; more are started by themselves where one process may not have
as many files open (\`ulimit -n\`). One address of this machine has as many connections to a port of the service as there are ephemeral ports (about
28,000): beyond that, and when ports run out in the middle of a run, further addresses of 127.0.0.0/8 are taken if the service is on
loopback; elsewhere give addresses of this machine with \`--source-addresses\`.

What it costs for a message, and whether its latencies are right, is measured by \`npm run bench -- loadtest-cost\` and
\`npm run bench -- loadtest-latency\`.
`;
}

const UNITS = { ms: 'time', count: 'number', '%': 'number or percentage' } as const;

function scenarioText({ name, summary, about, defaults = {} }: (typeof SCENARIOS)[number]): string {
  const flags = Object.entries(defaults).map(([flag, value]) => `\`--${flag} ${value}\``);
  const note = flags.length === 0 ? '' : ` Defaults: ${flags.join(', ')}.`;
  return `**${name}**: ${summary}. ${about}${note}`;
}

function rows(cells: readonly (readonly string[])[]): string {
  return cells.map(([first = '', ...rest]) => `| \`${first}\` | ${rest.join(' | ')} |`).join('\n');
}
