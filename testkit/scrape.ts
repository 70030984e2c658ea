import assert from 'node:assert/strict';

/** One answer of `/metrics/`, parsed. */
export class Scrape {
  /** Value of each series, by name and labels as they stand there: `websocket_errors_total{type="internal"}`. */
  readonly series: ReadonlyMap<string, number>;
  readonly text: string;

  constructor(text: string) {
    this.text = text;
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    this.series = new Map(
      lines.map((line) => {
        const end = line.lastIndexOf(' ');
        return [line.slice(0, end), Number(line.slice(end + 1))];
      }),
    );
  }

  static async of(url: string): Promise<Scrape> {
    const response = await fetch(url);
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
