import { ALERT_GROUPS } from './alerts.ts';
import { DASHBOARD_UID, GROUP } from './config.ts';
import { BY_SERVICE, type Alert, type Context, type Tier } from './rule.ts';
import * as slos from './slos.ts';
import type { BurnKey, RuleValues } from './values.ts';

/** A recording rule, as Prometheus reads it. */
export interface RecordingRule {
  readonly record: string;
  readonly expr: string;
}

/** An alerting rule, as Prometheus reads it. */
export interface AlertingRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** An alerting rule with what turns it on. */
export interface SwitchedRule {
  readonly rule: AlertingRule;
  readonly source: { readonly alert: string; readonly tier?: Tier };
  /** On by default. */
  readonly enabled: boolean;
}

/** Rules that are evaluated one after the other. */
export interface Group {
  readonly name: string;
  /** Windows that `records` is made for, each once, whichever of them are alike. */
  readonly windows: readonly string[];
  readonly records: (window: string) => readonly RecordingRule[];
  /** Recording rules that don't depend on a window. */
  readonly constants: readonly RecordingRule[];
  readonly alerts: readonly SwitchedRule[];
}

/** Every rule. */
export function ruleGroups(values: RuleValues): readonly Group[] {
  return [
    ...slos.SLOS.map((slo) => sloGroup(slo, values)),
    ...ALERT_GROUPS.map(({ name, alerts }) => ({
      name: `${GROUP}.${name}`,
      windows: [],
      records: () => [],
      constants: [],
      alerts: alerts.flatMap((alert) => alert.tiers.map((tier) => switchedRule(alert, tier, values))),
    })),
  ];
}

function sloGroup(slo: slos.Slo, values: RuleValues): Group {
  const keys = Object.keys(slos.BURN_WINDOWS) as BurnKey[];
  const windows = keys.map((key) => values.burn(key));
  return {
    name: `${GROUP}.slo-${slo.key}`,
    windows: [slos.BUDGET_STEP, ...windows.flatMap(({ long, short }) => [long, short])],
    records: (window) => [
      { record: slos.errorsRecord(slo, window), expr: slo.errors(values, window) },
      { record: slos.totalRecord(slo, window), expr: slo.total(values, window) },
      { record: slos.ratioRecord(slo, window), expr: slos.ratioExpr(slo, window, values.selector) },
    ],
    constants: [
      {
        record: slos.targetRecord(slo),
        expr: `0 * max ${BY_SERVICE} (websocket_build_info{${values.selector}}) + ${values.target(slo)}`,
      },
      { record: slos.budgetRecord(slo), expr: slos.budgetExpr(slo, values.selector, values.target(slo)) },
    ],
    alerts: keys.map((key) => burnRule(slo, key, values)),
  };
}

function burnRule(slo: slos.Slo, key: BurnKey, values: RuleValues): SwitchedRule {
  const window = values.burn(key);
  const target = values.target(slo);
  const rule: AlertingRule = {
    alert: slo.alert,
    expr: slos.burnExpr(slo, window, { selector: values.selector, target, minErrors: values.minErrors }),
    for: window.for,
    labels: { severity: window.severity, slo: slo.key, long: window.long, short: window.short },
    annotations: {
      summary: slo.summary,
      description: `{{ $value | humanizePercentage }} of the ${slo.failure(values)} within ${window.long}: more than ${window.factor} times what a target of ${target} allows.`,
      ...links(slo.alert, 'service', values),
    },
  };
  return { rule, source: { alert: slo.alert }, enabled: true };
}

function switchedRule(alert: Alert, tier: Tier, values: RuleValues): SwitchedRule {
  const context: Context = {
    selector: values.selector,
    deploymentSelector: values.deploymentSelector,
    job: values.job,
    release: values.release,
    threshold: values.threshold(alert, tier),
    thresholdPercent: values.thresholdPercent(alert, tier),
    for: values.for(alert, tier),
    setting: (key) => values.setting(alert, key),
  };
  const rule: AlertingRule = {
    alert: alert.name,
    expr: alert.expr(context),
    for: context.for,
    labels: { severity: values.severity(alert, tier) },
    annotations: {
      summary: alert.summary,
      description: alert.description(context),
      ...links(alert.name, alert.scope, values),
    },
  };
  return { rule, source: { alert: alert.name, tier }, enabled: alert.enabled };
}

function links(name: string, scope: Alert['scope'], { runbookUrl, grafanaUrl }: RuleValues): Record<string, string> {
  const variables = [
    'var-namespace={{ $labels.namespace }}',
    'var-release={{ $labels.release }}',
    ...(scope === 'instance' ? ['var-pod={{ $labels.pod }}'] : []),
  ];
  return {
    runbook_url: `${runbookUrl}/${name}.md`,
    dashboard_url: `${grafanaUrl}/d/${DASHBOARD_UID}?${variables.join('&')}`,
  };
}
