/** One sample of a scrape. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Samples by metric name, as they stand in the text: a histogram is `x_bucket`, `x_sum`, `x_count`. */
export type Samples = ReadonlyMap<string, readonly Sample[]>;

/** The text is not in the Prometheus format. */
export class MetricsTextError extends Error {
  override readonly name = 'MetricsTextError';
}

/**
 * Reads the Prometheus text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). Comments are left out.
 * The package parse-prometheus-text-format keeps one set of buckets for a histogram, whatever its other labels are.
 * @throws {MetricsTextError} naming the first line that is not a sample
 */
export function parseMetricsText(text: string): Samples {
  const samples = new Map<string, Sample[]>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#') || line.trim() === '') continue;
    const match = SAMPLE.exec(line);
    const [, name = '', labels = '', value = ''] = match ?? [];
    const number = parseValue(value);
    if (match === null || number === undefined)
      throw new MetricsTextError(`not the Prometheus text format: ${JSON.stringify(line.slice(0, 80))}`);
    const list = samples.get(name) ?? [];
    list.push({ labels: parseLabels(labels), value: number });
    samples.set(name, list);
  }
  return samples;
}

/** Sum over the samples of a metric; `undefined` if it has none. */
export function sum(samples: Samples, name: string): number | undefined {
  return samples.get(name)?.reduce((total, { value }) => total + value, 0);
}

/** Sums by one label of a metric. */
export function sumBy(samples: Samples, name: string, label: string): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { labels, value } of samples.get(name) ?? []) {
    const key = labels[label] ?? '';
    sums.set(key, (sums.get(key) ?? 0) + value);
  }
  return sums;
}

/** Name, label block, value, and the timestamp that the format allows. */
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?\s*(\S+)(?:\s+-?\d+)?\s*$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', '"': '"', '\\': '\\' };

function parseLabels(block: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, name = '', value = ''] of block.matchAll(LABEL))
    labels[name] = value.replace(/\\(.)/g, (whole, char: string) => ESCAPES[char] ?? whole);
  return labels;
}

function parseValue(text: string): number | undefined {
  // In any case, as Prometheus reads them: prom-client writes `Nan`.
  if (/^nan$/i.test(text)) return NaN;
  if (/^[+-]?inf$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  const value = text === '' ? NaN : Number(text);
  return Number.isNaN(value) ? undefined : value;
}
