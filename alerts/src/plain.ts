import { stringify } from 'yaml';
import { ruleGroups, type AlertingRule, type RecordingRule } from './groups.ts';
import { DEFAULTS, type RuleValues } from './values.ts';

/** Which alerts a plain rule file holds. */
export type Selection = 'enabled' | 'optional';

/** A rule file for a Prometheus without the chart; `optional` holds the alerts that are off by default. */
export function plainRules(selection: Selection, values: RuleValues = DEFAULTS): string {
  const wanted = selection === 'enabled';
  const groups = ruleGroups(values)
    .map((group) => ({
      name: wanted ? group.name : `${group.name}-optional`,
      rules: [
        ...(wanted ? [...new Set(group.windows)].flatMap((window) => group.records(window)) : []),
        ...(wanted ? group.constants : []),
        ...group.alerts.filter(({ enabled }) => enabled === wanted).map(({ rule }) => rule),
      ] satisfies (RecordingRule | AlertingRule)[],
    }))
    .filter(({ rules }) => rules.length > 0);
  return stringify({ groups }, { lineWidth: 0 });
}
