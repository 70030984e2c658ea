/** How loud an alert is: `critical` pages someone, `warning` makes a ticket, `info` is there for who looks. */
export type Severity = 'critical' | 'warning' | 'info';

/** A value of an alert besides threshold, `for` and severity: a window, or a least number of events. */
export interface Setting {
  /** Default, as PromQL writes it: `5m`, `10`, `0.95`. */
  readonly value: string | number;
  /** What it means and its unit, in a sentence. */
  readonly doc: string;
  /** It is a window over samples: never shorter than {@link SCRAPES_PER_WINDOW} scrapes. */
  readonly ofSamples?: true;
}

/**
 * Minimum scrapes in a window: one may be missed, and a rate still has two samples ("rate() then needs at least two", Prometheus
 * documentation, "Query functions").
 */
export const SCRAPES_PER_WINDOW = 4;

/** One step of an alert. Two steps share the alert's name, so that the critical one can silence the warning one. */
export interface Tier {
  readonly severity: Severity;
  /** How long the condition lasts before it fires, as a Prometheus duration. */
  readonly for: string;
  /** What the measured value is compared with; left out where the condition has no number. */
  readonly threshold?: number;
  /** How long it goes on firing after its condition ended, so that a gap in the data does not end it. Default: not at all. */
  readonly keepFiringFor?: string;
  /** Where it differs from the alert's. */
  readonly scope?: Scope;
}

/** Whether one instance or the service as a whole is meant: which labels an alert has, and which variables its link sets. */
export type Scope = 'instance' | 'service';

/** Numbers and names that a rule's text is made with: defaults in the plain file, expressions of values in the chart. */
export interface Context {
  /** Label matchers of the service's series: `job="websocket-message-counter"`. */
  readonly selector: string;
  /** Label matchers of the Deployment's series from kube-state-metrics. */
  readonly deploymentSelector: string;
  /** Label matchers of the series of a probe from outside. */
  readonly probeSelector: string;
  /** Value of the `job` label. */
  readonly job: string;
  /** Value of the `release` label; empty where there is none. */
  readonly release: string;
  /** The tier's threshold. */
  readonly threshold: string;
  /** The tier's threshold as a percentage, for people: `80 %`. */
  readonly thresholdPercent: string;
  /** How long the condition lasts before the tier fires. */
  readonly for: string;
  /** A {@link Setting} of the alert. */
  readonly setting: (key: string) => string;
  /** Of the tier. */
  readonly scope: Scope;
  /** `by (...)` with the labels that tell services apart, and others. */
  readonly by: (...others: readonly string[]) => string;
}

/** An alert: the one place where its condition, words and defaults stand. */
export interface Alert {
  readonly name: string;
  /** One sentence without anything that varies. */
  readonly summary: string;
  /** What the threshold is and its unit; left out where there is none. */
  readonly thresholdDoc?: string;
  readonly scope: Scope;
  /** Off by default where only the operator knows the right threshold. */
  readonly enabled: boolean;
  readonly settings?: Readonly<Record<string, Setting>>;
  /** The most severe first. */
  readonly tiers: readonly [Tier, ...Tier[]];
  /** The condition, as PromQL. */
  readonly expr: (context: Context) => string;
  /** What is wrong, with its figures, as a Prometheus template. */
  readonly description: (context: Context) => string;
}

/** Labels that tell services apart. Outside Kubernetes only `job` is there; a label that is not does no harm. */
export const SERVICE_LABELS = ['namespace', 'job', 'release'] as const;

/** Labels that tell the instances of a service apart: `pod` on Kubernetes, `instance` everywhere. */
export const INSTANCE_LABELS = ['pod', 'instance'] as const;

/** Names the service in a description. */
export const SERVICE = '{{ with $labels.namespace }}{{ . }}/{{ end }}{{ or $labels.release $labels.job }}';

/** Names the instance in a description: outside Kubernetes there is no pod. */
export const INSTANCE = `{{ or $labels.pod $labels.instance }} of ${SERVICE}`;

/** Names what an alert is about. */
export function subject({ scope }: Pick<Context, 'scope'>): string {
  return scope === 'instance' ? INSTANCE : SERVICE;
}

/** One number for each instance. */
export function eachInstance({ by }: Pick<Context, 'by'>, series: string): string {
  return `max ${by(...INSTANCE_LABELS)} (${series})`;
}
