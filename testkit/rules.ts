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

/** A rule file that holds queries, so that promtool checks their syntax. */
export function wrapQueries(queries: readonly string[]): string {
  const rules = queries.map((expr, index) => ({ record: `query:${index}`, expr }));
  return JSON.stringify({ groups: [{ name: 'queries', rules }] });
}
