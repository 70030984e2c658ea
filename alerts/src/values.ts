import { ROUTING, timingsOf } from './alertmanager.ts';
import { ALERTS } from './alerts.ts';
import { GRAFANA_URL, JOB, RUNBOOK_URL } from './config.ts';
import { seconds } from './duration.ts';
import { SCRAPES_PER_WINDOW, SERVICE_LABELS, type Alert, type Context, type Setting, type Tier } from './rule.ts';
import {
  BUDGET_STEP,
  BURN_WINDOWS,
  EVALUATION_INTERVAL,
  LATENCY_CHOICES,
  LATENCY_SECONDS,
  MIN_ERRORS,
  SLOS,
  type BurnWindow,
  type Slo,
} from './slos.ts';

/** Key of one of the pairs of windows. */
export type BurnKey = keyof typeof BURN_WINDOWS;

/**
 * Where the texts of rules get what may differ between installations: from the defaults (plain file), or as expressions that
 * Helm puts the chart's values in for.
 */
export interface RuleValues {
  readonly selector: string;
  readonly deploymentSelector: string;
  readonly probeSelector: string;
  readonly job: string;
  readonly release: string;
  readonly runbookUrl: string;
  /** Command that shows the runbook of an alert; empty where nothing has it. */
  readonly runbookCommand: (alert: string) => string;
  readonly grafanaUrl: string;
  /** Variables of the link to the dashboard for labels of the installation's own: `&var-cluster={{ $labels.cluster }}`. */
  readonly linkVariables: string;
  /** How often rules are evaluated; empty is how often Prometheus evaluates all. */
  readonly interval: string;
  /** The same for the rules of budgets. */
  readonly burnInterval: string;
  /** How often they are evaluated within {@link BUDGET_STEP}. */
  readonly recordsPerStep: string;
  readonly latencySeconds: string;
  readonly minErrors: string;
  readonly by: Context['by'];
  readonly target: (slo: Slo) => string;
  readonly burn: (key: BurnKey) => Readonly<Record<keyof BurnWindow, string>>;
  readonly severity: (alert: Alert, tier: Tier) => string;
  readonly for: (alert: Alert, tier: Tier) => string;
  readonly keepFiringFor: (alert: Alert, tier: Tier) => string;
  readonly threshold: (alert: Alert, tier: Tier) => string;
  readonly thresholdPercent: (alert: Alert, tier: Tier) => string;
  readonly setting: (alert: Alert, key: string) => string;
}

/** What the rules of an installation without the chart depend on. */
export interface Installation {
  /** Labels beside {@link SERVICE_LABELS} that tell services apart: `cluster` in a Prometheus that watches several. */
  readonly additionalLabels?: readonly string[];
  readonly scrapeSeconds?: number;
  readonly durability?: keyof typeof LATENCY_SECONDS;
}

/** The defaults, for an installation. */
export function defaultsFor({
  additionalLabels = [],
  scrapeSeconds = 15,
  durability = 'relaxed',
}: Installation): RuleValues {
  return {
    selector: `job="${JOB}"`,
    deploymentSelector: `deployment="${JOB}"`,
    probeSelector: `job="${JOB}-probe"`,
    job: JOB,
    release: '',
    runbookUrl: RUNBOOK_URL,
    runbookCommand: () => '',
    grafanaUrl: GRAFANA_URL,
    linkVariables: additionalLabels.map((label) => `&var-${label}={{ $labels.${label} }}`).join(''),
    interval: '',
    burnInterval: EVALUATION_INTERVAL,
    recordsPerStep: String(seconds(BUDGET_STEP) / seconds(EVALUATION_INTERVAL)),
    latencySeconds: String(LATENCY_SECONDS[durability]),
    minErrors: String(MIN_ERRORS),
    by: (...others) => `by (${[...SERVICE_LABELS, ...additionalLabels, ...others].join(', ')})`,
    target: ({ target }) => String(target),
    burn: (key) => {
      const window = BURN_WINDOWS[key];
      return { ...window, factor: String(window.factor) };
    },
    severity: (_, tier) => tier.severity,
    for: (_, tier) => tier.for,
    keepFiringFor: (_, tier) => tier.keepFiringFor ?? '0s',
    threshold: (_, tier) => String(tier.threshold),
    thresholdPercent: (_, tier) => `${(tier.threshold ?? 0) * 100} %`,
    setting: (alert, key) => {
      const { value, ofSamples } = settingOf(alert, key);
      const least = SCRAPES_PER_WINDOW * scrapeSeconds;
      return ofSamples === true && seconds(String(value)) < least ? `${least}s` : String(value);
    },
  };
}

/** The defaults themselves. */
export const DEFAULTS: RuleValues = defaultsFor({});

/**
 * A setting of an alert.
 * @throws {RangeError} if the alert has none of that name
 */
export function settingOf({ name, settings }: Alert, key: string): Setting {
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
    ...key('runbooks', true, 'Create a ConfigMap with the runbooks; each alert has the command that shows its own.'),
    ...key(
      'runbookUrl',
      '',
      'Base URL of the runbooks, where they are published; a slash and `<alert>.md` are appended. Empty is none.',
      URL_OR_EMPTY,
    ),
    ...key(
      'grafanaUrl',
      '',
      `Base URL of Grafana, for the links from alerts to the dashboard. Empty is \`stack.grafana.rootUrl\`, or ${GRAFANA_URL}.`,
      URL_OR_EMPTY,
    ),
    ...key('interval', '', 'How often the rules are evaluated; empty is how often Prometheus evaluates all.', {
      ...DURATION_OR_EMPTY,
    }),
    'slo:',
    ...indent(SLOS.flatMap(sloBlock)),
    'burnRate:',
    ...indent([
      ...key('interval', EVALUATION_INTERVAL, 'How often the rules of budgets are evaluated.', DURATION),
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
const DURATION_OR_EMPTY = { type: 'string', pattern: '"^([0-9]+(ms|[smhdwy]))*$"' };
const URL_OR_EMPTY = { pattern: '"^(https?://.+[^/])?$"' };
const SEVERITY = { enum: '[critical, warning, info]' };

function sloBlock(slo: Slo): string[] {
  const target = key('target', slo.target, `${slo.doc} The target share.`, {
    exclusiveMinimum: '0',
    exclusiveMaximum: '1',
  });
  const latency = key(
    'latencySeconds',
    null,
    `Latency bound in seconds, a bucket of websocket_message_duration_seconds. Empty is ${LATENCY_SECONDS.relaxed}, and ${LATENCY_SECONDS.strict} with \`config.sessionDurability=strict\`, where a message waits for the store.`,
    { enum: `[null, ${LATENCY_CHOICES.join(', ')}]` },
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
    ...(tier.keepFiringFor === undefined
      ? []
      : key(
          'keepFiringFor',
          tier.keepFiringFor,
          'How long it goes on firing after its condition ended, so that a gap in the data does not end it.',
          DURATION,
        )),
    ...(tier.threshold === undefined
      ? []
      : key('threshold', tier.threshold, alert.thresholdDoc ?? '', { type: 'number', minimum: '0' })),
  ];
}

function settingLines(name: string, { value, doc, ofSamples }: Setting): string[] {
  if (typeof value === 'number') return key(name, value, doc, { type: 'number', minimum: '0' });
  if (ofSamples !== true) return key(name, value, doc, DURATION);
  const empty = `Empty is ${value}, or ${SCRAPES_PER_WINDOW} scrapes where those are longer; a shorter one is refused.`;
  return key(name, '', `${doc} ${empty}`, DURATION_OR_EMPTY);
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
    `${name}: ${typeof value === 'string' && value !== '' ? value : JSON.stringify(value)}`,
  ];
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
