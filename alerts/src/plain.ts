import { stringify } from 'yaml';
import { ruleGroups, type AlertingRule, type RecordingRule } from './groups.ts';
import { isMeasured } from './slos.ts';
import { DEFAULTS, type RuleValues } from './values.ts';

/** Which alerts a plain rule file holds. */
export type Selection = 'enabled' | 'optional';

/** A rule file for a Prometheus without the chart; `optional` holds the alerts that are off by default. */
export function plainRules(selection: Selection, values: RuleValues = DEFAULTS): string {
  const wanted = selection === 'enabled';
  const groups = ruleGroups(values)
    .map(({ name, interval, windows, measured, summedUp, constants, alerts }) => ({
      name: wanted ? name : `${name}-optional`,
      ...(interval !== '' && { interval }),
      rules: [
        ...(wanted
          ? [...new Set(windows)].flatMap((window) => (isMeasured(window) ? measured(window) : summedUp(window)))
          : []),
        ...(wanted ? constants : []),
        ...alerts.filter(({ enabled }) => enabled === wanted).map(({ rule }) => rule),
      ] satisfies (RecordingRule | AlertingRule)[],
    }))
    .filter(({ rules }) => rules.length > 0);
  return stringify({ groups }, { lineWidth: 0 });
}
