import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { AlertingRule, RecordingRule } from '../alerts/src/groups.ts';

/** A rule file, as Prometheus reads it. */
export interface RuleFile {
  readonly groups: readonly {
    readonly name: string;
    readonly interval?: string;
    readonly rules: readonly (AlertingRule | RecordingRule)[];
  }[];
}

/** Folder of the alerts' definitions, tests and runbooks. */
export const ALERTS = new URL('../alerts/', import.meta.url);

/** The committed rule files, both of them. */
export function committedRules(): (AlertingRule | RecordingRule)[] {
  return ['rules.yaml', 'optional-rules.yaml'].flatMap((name) =>
    (parse(readFileSync(new URL(`generated/${name}`, ALERTS), 'utf8')) as RuleFile).groups.flatMap(
      ({ rules }) => rules,
    ),
  );
}

/** Every alerting rule, those that are off by default too. */
export function alertingRules(): AlertingRule[] {
  return committedRules().filter((rule) => 'alert' in rule);
}

/** Every recording rule. */
export function recordingRules(): RecordingRule[] {
  return committedRules().filter((rule) => 'record' in rule);
}

/**
 * The groups with the alerts that `pick` gives in place of each, and what their expressions are recorded from. Only this,
 * since promtool evaluates every rule it is given.
 */
export function withAlerts(
  groups: RuleFile['groups'],
  pick: (rule: AlertingRule) => readonly AlertingRule[],
): RuleFile['groups'] {
  return groups.flatMap((group) => {
    const alerts = group.rules.flatMap((rule) => ('alert' in rule ? pick(rule) : []));
    const rules: RuleFile['groups'][number]['rules'][number][] = [...alerts];
    // A rule reads what the rules before it record.
    for (const rule of group.rules.toReversed())
      if ('record' in rule && rules.some(({ expr }) => expr.includes(rule.record))) rules.unshift(rule);
    return alerts.length === 0 ? [] : [{ ...group, rules }];
  });
}

/** A rule file that holds queries, so that promtool checks their syntax. */
export function wrapQueries(queries: readonly string[]): string {
  const rules = queries.map((expr, index) => ({ record: `query:${index}`, expr }));
  return JSON.stringify({ groups: [{ name: 'queries', rules }] });
}
