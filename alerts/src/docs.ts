import { code, markdownTable } from '../../lib/markdown-table.ts';
import { ALERT_GROUPS } from './alerts.ts';
import type { Alert, Tier } from './rule.ts';
import * as slos from './slos.ts';
import { ruleGroups } from './groups.ts';
import { DEFAULTS } from './values.ts';

/** Generated blocks of docs/alerts.md. */
export function alertBlocks(): Readonly<Record<string, string>> {
  return {
    objectives: sloTable(),
    'burn-rates': burnTable(),
    alerts: ALERT_GROUPS.flatMap(({ title, alerts }) => [
      `### ${title}`,
      alertTable(alerts),
      ...settingsList(alerts),
    ]).join('\n\n'),
    series: recordTable(),
  };
}

function sloTable(): string {
  return markdownTable(
    ['objective', 'target', 'what is good', 'value'],
    slos.SLOS.map(({ key, target, doc }) => [
      key,
      `${target * 100} %`,
      key === 'messages'
        ? `${doc} The bound is ${slos.LATENCY_SECONDS.relaxed * 1000} ms, and ${slos.LATENCY_SECONDS.strict * 1000} ms with \`SESSION_DURABILITY=strict\` (\`prometheusRule.slo.messages.latencySeconds\`).`
        : doc,
      `\`prometheusRule.slo.${key}.target\``,
    ]),
  );
}

function burnTable(): string {
  const alerts = slos.SLOS.map(({ alert }) => runbookLink(alert)).join(', ');
  const rows = Object.entries(slos.BURN_WINDOWS).map(([key, window]) => [
    window.severity,
    `${window.long} and ${window.short}`,
    `${window.factor}`,
    window.for,
    `\`prometheusRule.burnRate.${key}\``,
  ]);
  return `${alerts}:\n\n${markdownTable(['severity', 'windows', 'times too fast', 'for', 'values'], rows)}`;
}

function alertTable(alerts: readonly Alert[]): string {
  return markdownTable(
    ['Alert', 'Severity', 'Threshold', '`for`', 'Meaning'],
    alerts.flatMap((alert) => alert.tiers.map((tier, index) => alertRow(alert, tier, index === 0))),
  );
}

function alertRow(alert: Alert, tier: Tier, first: boolean): string[] {
  const off = alert.enabled ? '' : ' (off by default)';
  return [
    first ? `${runbookLink(alert.name)}${off}` : '',
    tier.severity,
    tier.threshold === undefined ? '' : String(tier.threshold),
    tier.for,
    first ? [alert.summary, alert.thresholdDoc ? `Threshold: ${alert.thresholdDoc}` : ''].join(' ').trim() : '',
  ];
}

function settingsList(alerts: readonly Alert[]): string[] {
  const lines = alerts.flatMap(({ name, settings }) =>
    Object.entries(settings ?? {}).map(([key, { value, doc }]) => `- \`${name}.${key}\` (${value}): ${doc}`),
  );
  return lines.length === 0 ? [] : [lines.join('\n')];
}

function recordTable(): string {
  const records = ruleGroups(DEFAULTS).flatMap(({ windows, measured, summedUp, constants }) => [
    ...(windows.length > 0 ? [...measured('<window>'), ...summedUp('<long window>')] : []),
    ...constants,
  ]);
  return markdownTable(
    ['series', 'expression'],
    records.map(({ record, expr }) => [code(record), code(expr.replaceAll(/\s*\n\s*/g, ' '))]),
  );
}

function runbookLink(name: string): string {
  return `[${name}](../alerts/runbooks/${name}.md)`;
}
