import { ALERT_GROUPS } from './alerts.ts';
import { DASHBOARD_UIDS, GROUP } from './config.ts';
import type { Alert, Context, Scope, Tier } from './rule.ts';
import { firstSteps, searchedFor } from './runbook.ts';
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
  readonly keep_firing_for?: string;
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
  /** How often they are evaluated; empty is how often Prometheus evaluates all. */
  readonly interval: string;
  /** Windows that records are made for, each once, whichever of them are alike. */
  readonly windows: readonly string[];
  /** Records of a window that the counters are read for. */
  readonly measured: (window: string) => readonly RecordingRule[];
  /** Records of a window that is summed up from shorter ones. */
  readonly summedUp: (window: string) => readonly RecordingRule[];
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
      interval: values.interval,
      windows: [],
      measured: () => [],
      summedUp: () => [],
      constants: [],
      alerts: alerts.flatMap((alert) => alert.tiers.map((tier) => switchedRule(alert, tier, values))),
    })),
  ];
}

function sloGroup(slo: slos.Slo, values: RuleValues): Group {
  const keys = Object.keys(slos.BURN_WINDOWS) as BurnKey[];
  const windows = keys.map((key) => values.burn(key));
  const { selector } = values;
  const errors = (window: string): string => slos.errorsRecord(slo, window);
  const total = (window: string): string => slos.totalRecord(slo, window);
  const records = (window: string, ofErrors: string, ofTotal: string): readonly RecordingRule[] => [
    { record: errors(window), expr: ofErrors },
    { record: total(window), expr: ofTotal },
    { record: slos.ratioRecord(slo, window), expr: slos.ratioExpr(slo, window, selector) },
  ];
  return {
    name: `${GROUP}.slo-${slo.key}`,
    interval: values.burnInterval,
    windows: [slos.BUDGET_STEP, ...windows.flatMap(({ long, short }) => [long, short])],
    measured: (window) => records(window, slo.errors(values, window), slo.total(values, window)),
    summedUp: (window) => records(window, slos.summedUp(errors, window, values), slos.summedUp(total, window, values)),
    constants: [
      {
        record: slos.targetRecord(slo),
        expr: `0 * max ${values.by()} (websocket_build_info{${selector}}) + ${values.target(slo)}`,
      },
      { record: slos.budgetRecord(slo), expr: slos.budgetExpr(slo, selector, values.target(slo)) },
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
  const { selector, deploymentSelector, probeSelector, job, release, by } = values;
  const scope = tier.scope ?? alert.scope;
  const context: Context = {
    ...{ selector, deploymentSelector, probeSelector, job, release, by, scope },
    threshold: values.threshold(alert, tier),
    thresholdPercent: values.thresholdPercent(alert, tier),
    for: values.for(alert, tier),
    setting: (key) => values.setting(alert, key),
  };
  const rule: AlertingRule = {
    alert: alert.name,
    expr: alert.expr(context),
    for: context.for,
    ...(tier.keepFiringFor !== undefined && { keep_firing_for: values.keepFiringFor(alert, tier) }),
    labels: { severity: values.severity(alert, tier) },
    annotations: {
      summary: alert.summary,
      description: alert.description(context),
      ...links(alert.name, scope, values),
    },
  };
  return { rule, source: { alert: alert.name, tier }, enabled: alert.enabled };
}

function links(name: string, scope: Scope, values: RuleValues): Record<string, string> {
  const variables = [
    'var-namespace={{ $labels.namespace }}',
    'var-release={{ $labels.release }}',
    ...(scope === 'instance' ? ['var-pod={{ $labels.pod }}'] : []),
  ];
  const search = searchedFor(name);
  const command = values.runbookCommand(name);
  const linkTo = (dashboard: keyof typeof DASHBOARD_UIDS): string =>
    `${values.grafanaUrl}/d/${DASHBOARD_UIDS[dashboard]}?${variables.join('&')}${values.linkVariables}`;
  return {
    first_steps: firstSteps(name),
    runbook_url: `${values.runbookUrl}/${name}.md`,
    ...(command !== '' && { runbook_command: command }),
    dashboard_url: linkTo('overview'),
    logs_url: `${linkTo('logs')}${search && `&var-search=${encodeURIComponent(search)}`}`,
  };
}
