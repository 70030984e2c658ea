/**
 * `node e2e/alerts/keep.ts` takes what the last run of `npm run e2e:alerts` proved into results.json, which docs/alert-proofs.md is
 * made from: what was not tried stays as it was, so that one alert can be proven anew alone.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from '../../scripts/chart/tools.ts';
import type { HealthyRun } from './healthy.ts';
import type { Proof } from './proof.ts';
import type { Results, Row } from './report.ts';

/** What the last run found. */
export const LAST_RESULTS = join(CACHE, 'e2e/alerts.json');
/** What is kept of all runs. */
export const KEPT_RESULTS = join(import.meta.dirname, 'results.json');

/** What is kept. */
export interface Kept {
  readonly alerts: readonly Row[];
  readonly healthy?: HealthyRun;
}

/** What is kept, or nothing. */
export function readKept(): Kept {
  return existsSync(KEPT_RESULTS) ? (JSON.parse(readFileSync(KEPT_RESULTS, 'utf8')) as Kept) : { alerts: [] };
}

/** Puts what a run proved in the place of what was kept of the same proofs. A proof whose fault is another now is dropped. */
export function merge(
  kept: Kept,
  { alerts, healthy }: Pick<Results, 'alerts' | 'healthy'>,
  proofs: readonly Proof[],
): Kept {
  const proven = [...alerts, ...kept.alerts].filter(({ problem }) => problem === undefined);
  const rows = proofs.flatMap((proof) => proven.find((row) => isOf(row, proof)) ?? []);
  const run = healthy ?? kept.healthy;
  return { alerts: rows, ...(run !== undefined && { healthy: run }) };
}

/** Alerts of which every proof is kept. */
export function provenAlerts({ alerts }: Kept, proofs: readonly Proof[]): readonly string[] {
  const names = [...new Set(proofs.map(({ alert }) => alert))];
  const isProven = (proof: Proof): boolean => alerts.some((row) => isOf(row, proof));
  return names.filter((name) => proofs.filter(({ alert }) => alert === name).every(isProven));
}

function isOf(row: Row, { alert, severity, fault }: Proof): boolean {
  return row.alert === alert && row.severity === severity && row.fault === fault;
}
