import { ENVIRONMENT, EXIT_STATUSES, optionsTable } from './options.ts';
import { EVENT_TYPES, NOTICES, PROBLEMS } from './events.ts';

/** Text of docs/monitor.md, with its tables made from the definitions they are of. */
export function renderMonitorDocs(): string {
  return `<!-- Written by \`npm run docs\` from the code; do not edit. -->

${INTRODUCTION}

${LOCAL}

${CLUSTER}

## Problems, notices and the exit status

A problem makes the exit status 1. Problems of one text at one place are counted as one, with how often and when they were seen; one that
repeats is printed five times between two snapshots, and counted from then on.

${table('Problem', 'What it is', PROBLEMS)}

${table('Notice', 'What it tells', NOTICES)}

${table('Exit status', 'Meaning', EXIT_STATUSES)}

A problem outweighs what could not be watched. What was away for a while and came back is listed as a gap, and does not change the status.

## Options

\`scripts/monitor.sh [SECONDS] [options]\`; SECONDS is 60 if not given, and 0 is until Ctrl-C. Ctrl-C and SIGTERM end the watch early, with its
summary; a second one ends it without.

${optionsTable()}

${table('Variable', 'What it does', ENVIRONMENT)}

${JSON_OUTPUT}

${table('\`type\`', 'What it is', EVENT_TYPES)}
`;
}

const INTRODUCTION = `# Monitor

\`scripts/monitor.sh\` watches the service for a while and says what is wrong with it: errors in its log as they happen, a metrics snapshot each
10 seconds with the change since the last, and its health. It watches a service on this machine or, with one of the cluster's flags, a
release in Kubernetes. At the end it prints a summary and says by its exit status whether all was well, so a script or a pipeline can ask it.

\`\`\`bash
./scripts/monitor.sh 60                                           # the service at http://127.0.0.1:8080
./scripts/monitor.sh 60 --log-file /var/log/chat/service.log
npm start | ./scripts/monitor.sh 60
LOKI_URL=http://localhost:3100 ./scripts/monitor.sh 60
./scripts/monitor.sh 300 --namespace chat --release demo          # a release in a cluster, through a rollout
./scripts/monitor.sh 60 -n chat -r demo --json | jq -c 'select(.type == "problem")'
\`\`\`

\`\`\`
12:30:00  note      service: http://127.0.0.1:8080 every 10 s; log: service.log
12:30:00  metrics   service: 212 of 10,000 connections · - messages/s · - errors/s · p99 - · ready · 96.2 MiB
12:30:07  ERROR     service: chat.ws websocket_internal_error: Handling a message failed  session_id=0b1f...  error="TypeError: ..."
12:30:10  metrics   service: 218 (+6) of 10,000 connections · 104 messages/s · 0.1 (internal 0.1) errors/s · p99 0.31 ms · ready · 97.0 MiB (+0.8)
\`\`\`

Each snapshot has the open connections and their limit, messages a second, errors a second by type, the 99th percentile of the handling time
(from the histogram's change, so of that interval alone), what the process is doing (\`ready\`, \`not ready\`, \`draining\` and for how long), and
its resident memory. \`-\` is not known: the first snapshot has no rates. A process that began during the watch is counted from its start, so
a restart loses only what the old one did after its last scrape.

It needs Node.js 24 or later and the project's packages (\`npm ci\`), and runs from any directory.`;

const LOCAL = `## A local service

The health endpoints are asked each second. A service that stops answering is a problem unless it had drained before, which its \`/readyz/\` or
its log tells; one that drained and did not come back is a problem at the end. It may be started after the monitor.

The log is read from the first of these that is given:

| Source | How it is read |
|---|---|
| \`--log-file PATH\` | From its end, by name: after a rotation the old file is read to its end and the new one from its beginning; a truncated file from its beginning; one that is not there yet from its beginning when it comes. A file that is truncated and grows past its old size within 0.2 s is not noticed. |
| \`LOKI_URL\` | The lines of \`{service="websocket-message-counter"}\` at WARN and above, asked for every 2 s. Lines may come up to a minute late; each counts once; after an absence of Loki, what it has of that time is read. |
| a pipe | All of it, which need not be JSON: what \`npm\` says is let through, what reads like a crash is a problem. The end of the pipe does not end the watch. |

\`npm start | ./scripts/monitor.sh 60\` takes the log's place on the terminal, and Ctrl-C reaches the service too. When the monitor ends first,
the service goes on, and drops and counts its log lines from then on.

A drained process that waits to be scraped once more (\`FINAL_SCRAPE_WAIT_SECONDS\`) is not scraped by the monitor: its last figures belong to
Prometheus.`;

const CLUSTER = `## A release in a cluster

With \`--namespace\`, \`--release\`, \`--context\` or \`--kubeconfig\` the pods with the labels \`app.kubernetes.io/part-of=websocket-message-counter\`
and \`app.kubernetes.io/component=service\` are watched, those of the release if one is named (\`app.kubernetes.io/instance\`), and also those
that come later. The bundled Prometheus, Loki and Grafana are other components and are not watched.

| What | How |
|---|---|
| logs | The streams of every container of every pod: of pods that were there from now on, of later ones from their beginning. A stream that ends or is cut is opened again where it was; what a container said before a restart is read too. No line is lost or told twice, as long as the node keeps the log. |
| metrics | By the API server's pod proxy. Where that is forbidden, or no way leads from the API server to the pods, by port-forward. Each pod has a snapshot, and all of them a sum. |
| health | Readiness, restarts, why a container ended last (out of memory, exit status, signal), reasons for not starting, the image. What happened before the watch is shown in the snapshots and is no problem. |
| events | Of the pods and of the ReplicaSet and Deployment that own them; Warning events are problems, except failing readiness of a pod that starts or ends. |

A rollout in which each pod drains and ends with status 0 is no problem. While the API server is away the monitor says so, and goes on when it
is back: pods, events and logs of that time are caught up with.

It needs these permissions; \`pods/portforward\` only where there is no \`pods/proxy\`, and without \`events\` it says so and is whole all the same:

\`\`\`yaml
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: websocket-monitor}
rules:
  - {apiGroups: [""], resources: [pods, events], verbs: [get, list, watch]}
  - {apiGroups: [""], resources: [pods/log, pods/proxy], verbs: [get]}
  - {apiGroups: [""], resources: [pods/portforward], verbs: [get, create]}
\`\`\``;

const JSON_OUTPUT = `## \`--json\`

One object a line, each with \`time\` (ISO 8601) and \`type\`; keys are in snake case. The last line is the summary, also after Ctrl-C.`;

function table(head: string, meaning: string, rows: Readonly<Record<string, string>>): string {
  const lines = Object.entries(rows).map(([name, text]) => `| \`${name}\` | ${text.replaceAll('|', '\\|')} |`);
  return [`| ${head} | ${meaning} |`, '|---|---|', ...lines].join('\n');
}
