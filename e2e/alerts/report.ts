import { code } from '../../lib/markdown-table.ts';
import type { HealthyRun } from './healthy.ts';
import type { Proof } from './proof.ts';
import type { Proven } from './prove.ts';

/** What became of a proof. */
export interface Verdict {
  readonly proof: Proof;
  readonly proven?: Proven;
  /** Why it is not proven. */
  readonly problem?: string;
}

/** One line of the table. */
export interface Row {
  readonly alert: string;
  readonly severity: string;
  readonly fault: string;
  readonly secondsToFire?: number;
  readonly secondsToClear?: number;
  readonly steps?: number;
  readonly seen?: readonly string[];
  readonly problem?: string;
}

/** What became of a run, as it is kept in a file. */
export interface Results {
  /** Alerts of which every tier that was tried is proven, and alerts that were tried. */
  readonly proven: number;
  readonly all: number;
  readonly alerts: readonly Row[];
  readonly healthy?: HealthyRun;
  readonly seconds: number;
}

/** Puts the parts together. */
export function results(verdicts: readonly Verdict[], healthy: HealthyRun | undefined, seconds: number): Results {
  const alerts = Map.groupBy(verdicts, ({ proof }) => proof.alert);
  return {
    proven: [...alerts.values()].filter((tiers) => tiers.every(({ proven }) => proven !== undefined)).length,
    all: alerts.size,
    alerts: verdicts.map(({ proof: { alert, severity, fault }, proven, problem }) => ({
      ...{ alert, severity, fault },
      ...proven,
      ...(problem !== undefined && { problem }),
    })),
    ...(healthy !== undefined && { healthy }),
    seconds,
  };
}

/** Whether all is as it should be. */
export function isWell({ proven, all, healthy }: Results): boolean {
  return proven === all && (healthy === undefined || healthy.told.length === 0);
}

/** The table of the proofs, as Markdown. */
export function proofTable(alerts: readonly Row[]): string {
  const rows = alerts.map(({ alert, severity, fault, secondsToFire, secondsToClear }) => [
    alert,
    severity,
    fault,
    ...(secondsToFire === undefined || secondsToClear === undefined
      ? ['not proven', '']
      : [secondsToFire.toFixed(1), secondsToClear.toFixed(1)]),
  ]);
  return table(['Alert', 'Severity', 'Fault', 'Seconds to fire', 'Seconds to clear'], rows);
}

/** The way from each notification to its cause, as Markdown. */
export function walkTable(alerts: readonly Row[]): string {
  const rows = alerts.map(({ alert, severity, steps, seen = [] }) => [
    alert,
    severity,
    steps === undefined ? 'not walked' : String(steps),
    seen
      .map((each) => each.replace(/^([^:]+): (.+)$/, (_, place: string, text: string) => `${place}: ${code(text)}`))
      .join('; '),
  ]);
  return table(['Alert', 'Severity', 'Steps', 'Where the cause is seen, and as what'], rows);
}

/** The healthy run, in lines. */
export function healthyLines({ minutes, clients, steps, told, pending, breaks }: HealthyRun): string {
  const counts = Object.entries(steps).map(([step, count]) => `${count} × ${step}`);
  return [
    `healthy run: ${minutes} minutes, ${clients} clients, ${counts.join(', ')}`,
    `  notifications: ${told.length}${told.length === 0 ? '' : ` (${told.join(', ')})`}`,
    `  alerts that were pending during the run: ${pending.length === 0 ? 'none' : pending.join(', ')}`,
    `  clients saw: ${breaks}`,
  ].join('\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)].join('\n');
}
