import { provenAlerts, readKept } from './kept.ts';
import { PROOFS } from './proofs.ts';
import { healthyLines, proofTable } from './report.ts';

/** docs/alert-proofs.md, from what was kept of the runs. */
export function renderAlertProofs(): string {
  const kept = readKept();
  const all = new Set(PROOFS.map(({ alert }) => alert));
  const proven = provenAlerts(kept, PROOFS);
  const missing = [...all].filter((name) => !proven.includes(name));
  return `${[
    '<!-- Written by `npm run docs` from e2e/alerts/results.json; do not edit. -->',
    INTRODUCTION,
    '## What a run showed',
    proofTable(kept.alerts),
    `Alerts proven: ${proven.length} / ${all.size}.${missing.length === 0 ? '' : ` Not on record yet: ${missing.join(', ')}.`}`,
    ...(kept.healthy === undefined ? [] : ['## Without a fault', `\`\`\`\n${healthyLines(kept.healthy)}\n\`\`\``]),
  ].join('\n\n')}\n`;
}

const INTRODUCTION = `# Proofs of the alerts

\`npm run e2e:alerts\` makes each alert fire and clear on a real cluster, on the way that a page takes: a real fault, the Prometheus and the
Alertmanager of the Prometheus Operator, and a webhook. [e2e/README.md](../e2e/README.md#alerts) tells how to run it; \`e2e/alerts/proofs/\` has each fault.

For an alert to be proven

- nobody is told of anything before the fault
- the notification comes to the receiver of its severity (critical: page, warning: ticket, info: info), with its summary, a description that names
  the release and the figures, and links to its runbook and to the dashboard of that release
- nobody is told of any other alert that the fault does not explain: the critical tier silences the warning, and WebsocketServiceDown the
  unreachable instance that goes with it
- once the fault has ended, the end is told

Of an alert in two tiers both are proven; of those on error budgets the critical tier, since the other is the same expression over longer windows,
which the promtool tests go through.

The times of the alert that is proven are shortened to seconds by the chart's values (\`prometheusRule\`), and so are the waits of the routes
(\`alertRouting\`); scrapes and evaluations are 5 s apart. With the chart's own values everything takes longer by as much. Processes are frozen and
killed by signals from the node; the Loki of the two alerts on log lines is a stand-in that can be told how to fail.`;
