import { build, type Histogram } from 'hdr-histogram-js';
import { TIMES, type TimeName } from './tally.ts';

/** Quantiles of times, in milliseconds. `null` where there were no values. */
export interface Quantiles {
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly 'p99.9': number | null;
  readonly max: number | null;
}

const PERCENTS = { p50: 50, p90: 90, p99: 99, 'p99.9': 99.9, max: 100 } as const satisfies Record<
  keyof Quantiles,
  number
>;

/** The usual quantiles. @param read the time in milliseconds that so many percent of the values do not exceed */
export function quantilesOf(count: number, read: (percent: number, name: keyof Quantiles) => number): Quantiles {
  const all = Object.entries(PERCENTS).map(([name, percent]): [string, number | null] => [
    name,
    count === 0 ? null : read(percent, name as keyof Quantiles),
  ]);
  return Object.fromEntries(all) as unknown as Quantiles;
}

/** Longest time that is told apart from longer ones: 71 minutes. Microseconds. */
const MAX_MICROS = 2 ** 32 - 1;

/**
 * A histogram of times by hdr-histogram-js, exact to a microsecond below 2 ms and to 0.1 % above. Node's own
 * (`createHistogram`) can't be sent between processes; here the processes send times, and the coordinator counts them.
 */
export class TimeHistogram {
  readonly #micros: Histogram = build({
    bitBucketSize: 32,
    lowestDiscernibleValue: 1,
    highestTrackableValue: MAX_MICROS,
    numberOfSignificantValueDigits: 3,
  });

  get quantiles(): Quantiles {
    const histogram = this.#micros;
    return quantilesOf(
      histogram.totalCount,
      // The upper edge of a bucket may be above all values in it.
      (percent) => Math.min(histogram.getValueAtPercentile(percent), histogram.maxValue) / 1000,
    );
  }

  /** Records times in milliseconds; a negative one counts as 0. */
  record(times: readonly number[]): void {
    for (const ms of times) this.#micros.recordValue(Math.min(MAX_MICROS, Math.max(0, Math.round(ms * 1000))));
  }

  /** Adds the times of another one. */
  add(other: TimeHistogram): void {
    this.#micros.add(other.#micros);
  }

  reset(): void {
    this.#micros.reset();
  }
}

/** A histogram for each kind of time. */
export class TimeHistograms {
  readonly #histograms = mapTimes(() => new TimeHistogram());

  get quantiles(): Record<TimeName, Quantiles> {
    return mapTimes((name) => this.#histograms[name].quantiles);
  }

  record(times: Readonly<Record<TimeName, readonly number[]>>): void {
    mapTimes((name) => {
      this.#histograms[name].record(times[name]);
    });
  }

  /** Adds the times of others. */
  add(others: TimeHistograms): void {
    mapTimes((name) => {
      this.#histograms[name].add(others.#histograms[name]);
    });
  }

  reset(): void {
    mapTimes((name) => {
      this.#histograms[name].reset();
    });
  }
}

function mapTimes<T>(make: (name: TimeName) => T): Record<TimeName, T> {
  return Object.fromEntries(Object.keys(TIMES).map((name) => [name, make(name as TimeName)])) as Record<TimeName, T>;
}
