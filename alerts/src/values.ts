import { ROUTING, timingsOf } from './alertmanager.ts';
import { ALERTS } from './alerts.ts';
import { GRAFANA_URL, JOB, RUNBOOK_URL } from './config.ts';
import type { Alert, Tier } from './rule.ts';
import { BURN_WINDOWS, LATENCY_SECONDS, MIN_ERRORS, SLOS, type BurnWindow, type Slo } from './slos.ts';

/** Key of one of the pairs of windows. */
export type BurnKey = keyof typeof BURN_WINDOWS;

/**
 * Where the texts of rules get what may differ between installations: from the defaults (plain file), or as expressions that
 * Helm puts the chart's values in for.
 */
export interface RuleValues {
  readonly selector: string;
  readonly deploymentSelector: string;
  readonly job: string;
  readonly release: string;
  readonly runbookUrl: string;
  readonly grafanaUrl: string;
  readonly latencySeconds: string;
  readonly minErrors: string;
  readonly target: (slo: Slo) => string;
  readonly burn: (key: BurnKey) => Readonly<Record<keyof BurnWindow, string>>;
  readonly severity: (alert: Alert, tier: Tier) => string;
  readonly for: (alert: Alert, tier: Tier) => string;
  readonly threshold: (alert: Alert, tier: Tier) => string;
  readonly thresholdPercent: (alert: Alert, tier: Tier) => string;
  readonly setting: (alert: Alert, key: string) => string;
}

/** The defaults themselves. */
export const DEFAULTS: RuleValues = {
  selector: `job="${JOB}"`,
  deploymentSelector: `deployment="${JOB}"`,
  job: JOB,
  release: '',
  runbookUrl: RUNBOOK_URL,
  grafanaUrl: GRAFANA_URL,
  latencySeconds: String(LATENCY_SECONDS),
  minErrors: String(MIN_ERRORS),
  target: ({ target }) => String(target),
  burn: (key) => {
    const window = BURN_WINDOWS[key];
    return { ...window, factor: String(window.factor) };
  },
  severity: (_, tier) => tier.severity,
  for: (_, tier) => tier.for,
  threshold: (_, tier) => String(tier.threshold),
  thresholdPercent: (_, tier) => `${(tier.threshold ?? 0) * 100} %`,
  setting: (alert, key) => String(settingOf(alert, key).value),
};

/**
 * A setting of an alert.
 * @throws {RangeError} if the alert has none of that name
 */
export function settingOf({ name, settings }: Alert, key: string): NonNullable<Alert['settings']>[string] {
  const setting = settings?.[key];
  if (setting === undefined) throw new RangeError(`${name} has no setting ${JSON.stringify(key)}`);
  return setting;
}

/**
 * The part of the chart's values under `prometheusRule` that belongs to the rules, in the form of chart/values.yaml: docs in
 * `# --` lines, rules in `# @schema` lines.
 */
export function valuesFragment(): string {
  return [
    ...key('runbookUrl', RUNBOOK_URL, 'Base URL of the runbooks; a slash and `<alert>.md` are appended.', {
      pattern: '"^https?://.+[^/]$"',
    }),
    ...key('grafanaUrl', GRAFANA_URL, 'Base URL of Grafana, for the links from alerts to the dashboard.', {
      pattern: '"^https?://.+[^/]$"',
    }),
    'slo:',
    ...indent(SLOS.flatMap(sloBlock)),
    'burnRate:',
    ...indent([
      ...key(
        'minErrors',
        MIN_ERRORS,
        'Minimum number of bad events in the long window: with little traffic one is a large share.',
        { minimum: '0' },
      ),
      ...Object.entries(BURN_WINDOWS).flatMap(([name, window]) => burnBlock(name, window)),
    ]),
    'alerts:',
    ...indent([...SLOS.flatMap(sloAlertBlock), ...ALERTS.flatMap(alertBlock)]),
    '',
  ].join('\n');
}

/** The chart's values under `alertRouting`, in the same form: when notifications are sent. */
export function routingFragment(): string {
  const receivers = timingsOf(ROUTING).flatMap(({ receiver, groupWait, repeatInterval }) => [
    `${receiver}:`,
    ...indent([
      ...key('groupWait', groupWait, 'How long the first alert of a release waits for others.', DURATION),
      ...key(
        'repeatInterval',
        repeatInterval,
        'Time after which a notification of a firing alert is repeated.',
        DURATION,
      ),
    ]),
  ]);
  return [
    ...key(
      'groupInterval',
      ROUTING.timings.groupInterval,
      'Minimum time between two notifications of one release, resolved ones included.',
      DURATION,
    ),
    ...receivers,
    '',
  ].join('\n');
}

const DURATION = { type: 'string', pattern: '"^([0-9]+(ms|[smhdwy]))+$"' };
const SEVERITY = { enum: '[critical, warning, info]' };

function sloBlock(slo: Slo): string[] {
  const target = key('target', slo.target, `${slo.doc} The target share.`, {
    exclusiveMinimum: '0',
    exclusiveMaximum: '1',
  });
  const latency = key(
    'latencySeconds',
    LATENCY_SECONDS,
    'Latency bound in seconds, a bucket of websocket_message_duration_seconds.',
    {
      enum: '[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25]',
    },
  );
  return [`${slo.key}:`, ...indent([...target, ...(slo.key === 'messages' ? latency : [])])];
}

function burnBlock(name: string, window: BurnWindow): string[] {
  return [
    `${name}:`,
    ...indent([
      ...key('severity', window.severity, 'Severity of an alert over these windows.', SEVERITY),
      ...key('long', window.long, 'Long window: much of the budget is used up.', DURATION),
      ...key('short', window.short, 'Short window: it is still being used up.', DURATION),
      ...key('factor', window.factor, 'How many times faster than allowed the budget is used up.', {
        type: 'number',
        exclusiveMinimum: '0',
      }),
      ...key('for', window.for, 'How long the condition lasts before it fires.', DURATION),
    ]),
  ];
}

function sloAlertBlock({ alert, summary }: Slo): string[] {
  return [`${alert}:`, ...indent(key('enabled', true, `${summary} Thresholds are under \`slo\` and \`burnRate\`.`))];
}

function alertBlock(alert: Alert): string[] {
  const [first, ...more] = alert.tiers;
  const settings = Object.entries(alert.settings ?? {}).flatMap(([name, setting]) => settingLines(name, setting));
  const enabled = key('enabled', alert.enabled, alert.summary);
  if (more.length === 0)
    return [
      `${alert.name}:`,
      ...indent([
        ...enabled,
        ...key('severity', first.severity, 'Its severity.', SEVERITY),
        ...tierKeys(alert, first),
        ...settings,
      ]),
    ];
  const tiers = alert.tiers.flatMap((tier) => [
    `${tier.severity}:`,
    ...indent([...key('enabled', true, `Fire with severity ${tier.severity}.`), ...tierKeys(alert, tier)]),
  ]);
  return [`${alert.name}:`, ...indent([...enabled, ...settings, ...tiers])];
}

function tierKeys(alert: Alert, tier: Tier): string[] {
  return [
    ...key('for', tier.for, 'How long the condition lasts before it fires.', DURATION),
    ...(tier.threshold === undefined
      ? []
      : key('threshold', tier.threshold, alert.thresholdDoc ?? '', { type: 'number', minimum: '0' })),
  ];
}

function settingLines(name: string, { value, doc, derived }: NonNullable<Alert['settings']>[string]): string[] {
  if (derived !== undefined)
    return [
      ...key(name, null, `${doc} Empty is \`${derived}\`; where that is not set either the alert is left out.`, {
        type: '[number, "null"]',
        exclusiveMinimum: '0',
      }),
    ];
  return key(name, value, doc, typeof value === 'string' ? DURATION : { type: 'number', minimum: '0' });
}

function key(
  name: string,
  value: string | number | boolean | null,
  doc: string,
  rule?: Readonly<Record<string, string>>,
): string[] {
  const schema =
    rule &&
    `# @schema {${Object.entries(rule)
      .map(([keyword, text]) => `${keyword}: ${text}`)
      .join(', ')}}`;
  return [
    ...(schema === undefined ? [] : [schema]),
    `# -- ${doc}`,
    `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  ];
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
