import { MESSAGE_REJECTIONS, SERVER_ERROR_TYPES } from '../../service/src/metrics/metrics.ts';
import { ADMISSION_REJECTIONS, REJECTIONS, type RejectionReason } from '../../service/src/protocol/protocol.ts';
import { SERVICE, type Severity } from './rule.ts';
import { seconds } from './duration.ts';

/** A promise about a share of events, measured where the service counts them. */
export interface Slo {
  /** Key under `prometheusRule.slo`, and value of the label `slo`. */
  readonly key: 'messages' | 'handshakes';
  /** Name of the alert that tells of its budget burning. */
  readonly alert: string;
  /** Metric part of the names of its recording rules: `websocket_message` makes `websocket_message_errors`. */
  readonly metric: string;
  /** Share of events that are to be good. */
  readonly target: number;
  /** The promise in words. */
  readonly doc: string;
  readonly summary: string;
  /** What happened to the bad events, after "{{ $value }} of ...". */
  readonly failure: (context: SloContext) => string;
  /** Bad events in a window. */
  readonly errors: (context: SloContext, window: string) => string;
  /** All events in a window. */
  readonly total: (context: SloContext, window: string) => string;
}

/** What the expressions of an SLO are made with. */
export interface SloContext {
  readonly selector: string;
  /** Bound on handling a message, in seconds; one of the buckets of websocket_message_duration_seconds. */
  readonly latencySeconds: string;
  /** `by (...)` with the labels that tell services apart. */
  readonly by: () => string;
}

/** How fast a budget burns over two windows: both have to, so that an alert ends soon after the trouble does. */
export interface BurnWindow {
  readonly severity: Severity;
  readonly long: string;
  readonly short: string;
  /** Times faster than what uses up the budget exactly within 30 days. */
  readonly factor: number;
  readonly for: string;
}

/**
 * Default of `prometheusRule.slo.messages.latencySeconds`, by SESSION_DURABILITY: in strict mode a message waits for the store, for
 * the batch that is under way and then for its own.
 */
export const LATENCY_SECONDS = { relaxed: 0.01, strict: 0.05 } as const;

/** Buckets that the latency of the SLO may be set to. Whole seconds are left out: Prometheus 3 writes their `le` as `1.0`. */
export const LATENCY_CHOICES = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25] as const;

/** Time over which the budget that is left is measured. */
export const BUDGET_PERIOD = '30d';

/** Window of the records that longer windows are summed up from. */
export const BUDGET_STEP = '5m';

/** Longest window that the counters themselves are read for: a sum of records lags by two minutes, and the first page must not. */
export const LONGEST_MEASURED = '1h';

/** How often the rules of budgets are evaluated. Their series are for windows of minutes to days. */
export const EVALUATION_INTERVAL = '1m';

/** Least number of bad events in the long window: one lost message of ten in a quiet night is no page. */
export const MIN_ERRORS = 10;

/** Factors, windows and `for` of the Site Reliability Workbook (table 5-8) and sloth, by key under `prometheusRule.burnRate`. */
export const BURN_WINDOWS = {
  fastest: { severity: 'critical', long: '1h', short: '5m', factor: 14.4, for: '2m' },
  fast: { severity: 'critical', long: '6h', short: '30m', factor: 6, for: '15m' },
  slow: { severity: 'warning', long: '1d', short: '2h', factor: 3, for: '1h' },
  slowest: { severity: 'warning', long: '3d', short: '6h', factor: 1, for: '3h' },
} as const satisfies Record<string, BurnWindow>;

/** Rejections of messages that are the service's fault: reasons that are error types of the service as well. */
const SERVER_REJECTIONS = MESSAGE_REJECTIONS.filter((reason) => SERVER_ERROR_TYPES.some((type) => type === reason));

/**
 * Rejections of handshakes that are the service's fault: every 5xx, drains included, since a rollout should reject nobody; but not
 * what protects it in a storm.
 */
const SERVER_HANDSHAKE_REJECTIONS = Object.entries(REJECTIONS)
  .filter(([reason, { status }]) => status >= 500 && !ADMISSION_REJECTIONS.includes(reason as RejectionReason))
  .map(([reason]) => reason);

/** The service's promises. */
export const SLOS: readonly Slo[] = [
  {
    key: 'messages',
    alert: 'WebsocketMessageBudgetBurn',
    metric: 'websocket_message',
    target: 0.999,
    doc: 'Messages answered within the latency bound, and not refused for an error of the service.',
    summary: 'The error budget of messages is used up too fast.',
    failure: ({ latencySeconds }) => `messages to ${SERVICE} failed or took longer than ${latencySeconds} s`,
    errors: (c, window) =>
      [
        sumOfIncrease(c, 'websocket_message_duration_seconds_count', window),
        `- ${sumOfIncrease(c, 'websocket_message_duration_seconds_bucket', window, `,le="${c.latencySeconds}"`)}`,
        `+ ${rejected(c, window)}`,
      ].join('\n'),
    total: (c, window) =>
      `${sumOfIncrease(c, 'websocket_message_duration_seconds_count', window)}\n+ ${rejected(c, window)}`,
  },
  {
    key: 'handshakes',
    alert: 'WebsocketHandshakeBudgetBurn',
    metric: 'websocket_handshake',
    target: 0.999,
    doc: 'Handshakes accepted, of those that were not refused for a fault of the client.',
    summary: 'The error budget of handshakes is used up too fast.',
    failure: () => `handshakes with ${SERVICE} were refused by the service`,
    errors: (c, window) => refused(c, window),
    total: (c, window) => `${sumOfIncrease(c, 'websocket_connections_opened_total', window)}\n+ ${refused(c, window)}`,
  },
];

/** Whether a window is measured by the counters themselves: {@link summedUp} is for those that are not. */
export function isMeasured(window: string): boolean {
  return seconds(window) <= seconds(LONGEST_MEASURED);
}

/**
 * A number of events in a window that is longer than {@link LONGEST_MEASURED}, from records of {@link BUDGET_STEP}. Over the counters
 * themselves windows of days would read millions of samples.
 * @param record gives the name of the series of a window
 * @param recordsPerStep how many records there are within {@link BUDGET_STEP}: each event is in so many
 */
export function summedUp(
  record: (window: string) => string,
  window: string,
  { selector, recordsPerStep }: { readonly selector: string; readonly recordsPerStep: string },
): string {
  return `sum_over_time(${record(BUDGET_STEP)}{${selector}}[${window}]) / ${recordsPerStep}`;
}

/** Name of the recorded number of bad events in a window. */
export function errorsRecord({ metric }: Slo, window: string): string {
  return `namespace_job_release:${metric}_errors:increase${window}`;
}

/** Name of the recorded number of all events in a window. */
export function totalRecord({ metric }: Slo, window: string): string {
  return `namespace_job_release:${metric}_events:increase${window}`;
}

/** Name of the recorded share of bad events in a window. */
export function ratioRecord({ metric }: Slo, window: string): string {
  return `namespace_job_release:${metric}_errors:ratio_rate${window}`;
}

/** Name of the recorded target, a constant that panels divide by. */
export function targetRecord({ metric }: Slo): string {
  return `namespace_job_release:${metric}_slo:target`;
}

/** Name of the recorded share of the error budget that is left. */
export function budgetRecord({ metric }: Slo): string {
  return `namespace_job_release:${metric}_slo:budget_remaining`;
}

/** Share of bad events in a window, from the recorded numbers: no traffic is no number, and so no alert. */
export function ratioExpr(slo: Slo, window: string, selector: string): string {
  return `${errorsRecord(slo, window)}{${selector}}\n/\n${totalRecord(slo, window)}{${selector}}`;
}

/** Share of the budget left: 1 is all of it, below 0 the promise is broken. Weighed by traffic, not by time. */
export function budgetExpr(slo: Slo, selector: string, target: string): string {
  const sum = (record: string): string => `sum_over_time(${record}{${selector}}[${BUDGET_PERIOD}])`;
  return `1 - (\n  ${sum(errorsRecord(slo, BUDGET_STEP))}\n  /\n  ${sum(totalRecord(slo, BUDGET_STEP))}\n) / (1 - ${target})`;
}

/** Condition of a burn alert. */
export function burnExpr(slo: Slo, window: Readonly<Record<keyof BurnWindow, string>>, c: BurnContext): string {
  const burns = (range: string): string =>
    `${ratioRecord(slo, range)}{${c.selector}} > ${window.factor} * (1 - ${c.target})`;
  return [
    burns(window.long),
    `and ${burns(window.short)}`,
    `and ${errorsRecord(slo, window.long)}{${c.selector}} >= ${c.minErrors}`,
  ].join('\n');
}

/** What the condition of a burn alert is made with. */
export interface BurnContext {
  readonly selector: string;
  readonly target: string;
  readonly minErrors: string;
}

function sumOfIncrease({ selector, by }: SloContext, metric: string, window: string, matchers = ''): string {
  return `sum ${by()} (increase(${metric}{${selector}${matchers}}[${window}]))`;
}

function rejected(c: SloContext, window: string): string {
  return sumOfIncrease(c, 'websocket_messages_rejected_total', window, `,reason=~"${SERVER_REJECTIONS.join('|')}"`);
}

function refused(c: SloContext, window: string): string {
  const reasons = SERVER_HANDSHAKE_REJECTIONS.join('|');
  return sumOfIncrease(c, 'websocket_handshakes_rejected_total', window, `,reason=~"${reasons}"`);
}
