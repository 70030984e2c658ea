/** Asks a Loki what panels ask it. */
export class LokiReader {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** How many series or streams a query gives over the last five minutes. */
  async range(query: string): Promise<number> {
    return (await this.#range(query)).length;
  }

  /** How many series a metric query gives now. */
  async instant(query: string): Promise<number> {
    return (await this.#ask('query', { query })).length;
  }

  /** How many lines a query gives over the last five minutes, up to a thousand. */
  async count(query: string): Promise<number> {
    return (await this.#range(query)).reduce((sum, { values }) => sum + values.length, 0);
  }

  /** The `event` of each line that a query gives, the oldest first. */
  async events(query: string): Promise<string[]> {
    const lines = (await this.#range(query)).flatMap(({ stream, values }) =>
      values.map(([time]) => [BigInt(time), stream['event'] ?? ''] as const),
    );
    return lines.sort(([one], [other]) => (one < other ? -1 : 1)).map(([, event]) => event);
  }

  /** The lines that a query gives, the oldest first. */
  async lines(query: string): Promise<string[]> {
    const lines = (await this.#range(query)).flatMap(({ values }) =>
      values.map(([time, line]) => [BigInt(time), line] as const),
    );
    return lines.sort(([one], [other]) => (one < other ? -1 : 1)).map(([, line]) => line);
  }

  /** All that a query gives of the five minutes before a time, in milliseconds since 1970, in an order of its own. */
  async answer(query: string, instant: boolean, endMs: number): Promise<string[]> {
    const end = String(BigInt(endMs) * 1_000_000n);
    const result = instant ? await this.#ask('query', { query, time: end }) : await this.#range(query, endMs);
    return result.map((each) => JSON.stringify(each)).sort();
  }

  /** Pushes lines of others. */
  async push(
    stream: Readonly<Record<string, string>>,
    values: readonly (readonly [nanoseconds: string, line: string, metadata: Readonly<Record<string, string>>])[],
  ): Promise<void> {
    const response = await fetch(`${this.#url}/loki/api/v1/push`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ streams: [{ stream, values }] }),
    });
    if (!response.ok) throw new Error(`Loki answers ${response.status} to a push: ${await response.text()}`);
  }

  #range(query: string, endMs = Date.now() + 1000): Promise<Result[]> {
    const end = BigInt(endMs) * 1_000_000n;
    const start = end - 300n * 1_000_000_000n;
    return this.#ask('query_range', { query, start: String(start), end: String(end), step: '10', limit: '1000' });
  }

  async #ask(path: string, parameters: Readonly<Record<string, string>>): Promise<Result[]> {
    const response = await fetch(`${this.#url}/loki/api/v1/${path}?${new URLSearchParams(parameters).toString()}`);
    const text = await response.text();
    if (!response.ok) throw new Error(`Loki answers ${response.status} to ${parameters['query'] ?? ''}: ${text}`);
    return (JSON.parse(text) as { data: { result: Result[] } }).data.result;
  }
}

interface Result {
  /** Labels, structured metadata, and what a parser found, of an answer of lines. */
  readonly stream: Readonly<Record<string, string>>;
  readonly values: [string, string][];
}
