import assert from 'node:assert/strict';
import { parseMetricsText } from '../lib/metrics-text.ts';

/** What tells a scrape of Prometheus from another GET, which does not end the wait for the last scrape. */
export const AS_PROMETHEUS = { headers: { 'X-Prometheus-Scrape-Timeout-Seconds': '10' } } as const;

/** One answer of `/metrics/`, parsed. */
export class Scrape {
  /** Value of each series, by name and labels as they stand there: `websocket_errors_total{type="internal"}`. */
  readonly series: ReadonlyMap<string, number>;
  readonly text: string;

  constructor(text: string) {
    this.text = text;
    this.series = new Map(
      [...parseMetricsText(text)].flatMap(([name, samples]) =>
        samples.map(({ labels, value }) => [`${name}${written(labels)}`, value]),
      ),
    );
  }

  static async of(url: string): Promise<Scrape> {
    const response = await fetch(url, AS_PROMETHEUS);
    assert.equal(response.status, 200);
    return new Scrape(await response.text());
  }

  /** Value of a series; fails if there is none. */
  value(series: string): number {
    const value = this.series.get(series);
    assert.ok(value !== undefined, `there is no series ${series}`);
    return value;
  }

  /** Sum of all series of a name whose labels hold the text. */
  sum(name: string, labels = ''): number {
    let sum = 0;
    for (const [series, value] of this.series)
      if ((series === name || series.startsWith(`${name}{`)) && series.includes(labels)) sum += value;
    return sum;
  }
}

/** Labels as they stand in the text. */
function written(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
