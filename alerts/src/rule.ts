/** How loud an alert is: `critical` pages someone, `warning` makes a ticket, `info` is there for who looks. */
export type Severity = 'critical' | 'warning' | 'info';

/** A value of an alert besides threshold, `for` and severity: a window, or a least number of events. */
export interface Setting {
  /** Default, as PromQL writes it: `5m`, `10`, `0.95`. Empty is derived by the chart (see {@link Setting.derived}). */
  readonly value: string | number;
  /** What it means and its unit, in a sentence. */
  readonly doc: string;
  /** Expression of the chart that gives the value where its key is left empty. */
  readonly derived?: string;
}

/** One step of an alert. Two steps share the alert's name, so that the critical one can silence the warning one. */
export interface Tier {
  readonly severity: Severity;
  /** How long the condition lasts before it fires, as a Prometheus duration. */
  readonly for: string;
  /** What the measured value is compared with; left out where the condition has no number. */
  readonly threshold?: number;
}

/** Numbers and names that a rule's text is made with: defaults in the plain file, expressions of values in the chart. */
export interface Context {
  /** Label matchers of the service's series: `job="websocket-message-counter"`. */
  readonly selector: string;
  /** Label matchers of the Deployment's series from kube-state-metrics. */
  readonly deploymentSelector: string;
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
}

/** An alert: the one place where its condition, words and defaults stand. */
export interface Alert {
  readonly name: string;
  /** One sentence without anything that varies. */
  readonly summary: string;
  /** What the threshold is and its unit; left out where there is none. */
  readonly thresholdDoc?: string;
  /** Whether one instance or the service as a whole is meant: which variables the link to the dashboard sets. */
  readonly scope: 'instance' | 'service';
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

/** Labels that tell releases apart. Outside Kubernetes only `job` is there; a label that is not does no harm. */
export const BY_SERVICE = 'by (namespace, job, release)';

/** Labels that tell instances apart: `pod` on Kubernetes, `instance` everywhere. */
export const BY_INSTANCE = 'by (namespace, job, release, pod, instance)';

/** Names the service in a description. */
export const SERVICE = '{{ with $labels.namespace }}{{ . }}/{{ end }}{{ or $labels.release $labels.job }}';

/** Names the instance in a description: outside Kubernetes there is no pod. */
export const INSTANCE = `{{ or $labels.pod $labels.instance }} of ${SERVICE}`;
