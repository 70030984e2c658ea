import type { Metric, Registry } from 'prom-client';

/**
 * A histogram without labels for the hot path: `observe` is a search over a few bounds and two additions, and allocates nothing.
 * prom-client's own hashes its label set and makes a closure at each call. It answers a registry as prom-client's does.
 */
export class FastHistogram {
  readonly name: string;
  readonly help: string;
  readonly type = 'histogram';
  readonly aggregator = 'sum';
  readonly labelNames: readonly string[] = [];
  readonly #bounds: Float64Array;
  /** Observations for each bound, not cumulated; the last is for what lies beyond all bounds. */
  readonly #counts: Float64Array;
  #sum = 0;

  /** @param bounds upper bounds of the buckets, ascending, in the unit of the name */
  constructor(registry: Registry, options: { name: string; help: string; bounds: readonly number[] }) {
    this.name = options.name;
    this.help = options.help;
    this.#bounds = Float64Array.from(options.bounds);
    this.#counts = new Float64Array(options.bounds.length + 1);
    // A registry needs of a metric what this class has; its type asks for prom-client's own classes.
    registry.registerMetric(this as unknown as Metric);
  }

  /** Counts one value. */
  observe(value: number): void {
    const bounds = this.#bounds;
    let index = 0;
    while (index < bounds.length && value > (bounds[index] as number)) index += 1;
    this.#counts[index] = (this.#counts[index] as number) + 1;
    this.#sum += value;
  }

  /** What prom-client's registry calls to print the metric. */
  getForPromString(): Promise<HistogramSnapshot> {
    return this.get();
  }

  /** What prom-client's registry calls to read the metric. */
  get(): Promise<HistogramSnapshot> {
    const values: Sample[] = [];
    let cumulated = 0;
    this.#counts.forEach((count, index) => {
      cumulated += count;
      const le = this.#bounds[index] ?? '+Inf';
      values.push({ labels: { le }, value: cumulated, metricName: `${this.name}_bucket` });
    });
    values.push({ labels: {}, value: this.#sum, metricName: `${this.name}_sum` });
    values.push({ labels: {}, value: cumulated, metricName: `${this.name}_count` });
    return Promise.resolve({ name: this.name, help: this.help, type: this.type, values, aggregator: this.aggregator });
  }

  /** Starts anew at zero. */
  reset(): void {
    this.#counts.fill(0);
    this.#sum = 0;
  }
}

interface Sample {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  readonly metricName: string;
}

interface HistogramSnapshot {
  readonly name: string;
  readonly help: string;
  readonly type: 'histogram';
  readonly values: Sample[];
  readonly aggregator: 'sum';
}
