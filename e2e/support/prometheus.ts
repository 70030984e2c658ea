import { SETTINGS } from './settings.ts';

/** One series of an answer: its labels, and its samples as pairs of time in seconds and value. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly samples: readonly (readonly [at: number, value: number])[];
}

/** Rule of a group, as `/api/v1/rules` lists it. */
export interface Rule {
  readonly name: string;
  readonly health: string;
  readonly lastError?: string;
}

interface Answer<T> {
  readonly status: string;
  readonly error?: string;
  readonly data: T;
}

type RawSample = [number, string];

interface RawSeries {
  readonly metric: Record<string, string>;
  readonly value?: RawSample;
  readonly values?: RawSample[];
}

/** The HTTP API of a Prometheus (prometheus.io/docs/prometheus/latest/querying/api). */
export class Prometheus {
  readonly #url: string;

  /** @param url its address; the one that the operator runs by default */
  constructor(url: string = SETTINGS.prometheusUrl) {
    this.#url = url;
  }

  /**
   * Runs a query, now. An instant vector has one sample a series; a range selector has them all.
   * @throws {Error} with the query and Prometheus' words if it is refused
   */
  async query(expression: string): Promise<readonly Series[]> {
    const { result } = await this.#get<{ result: RawSeries[] }>('query', { query: expression });
    return result.map(({ metric, value, values }) => ({
      metric,
      samples: (values ?? (value === undefined ? [] : [value])).map(([at, text]) => [at, Number(text)] as const),
    }));
  }

  /** Value of the one series that a query finds; `undefined` if it finds none. */
  async value(expression: string): Promise<number | undefined> {
    const found = await this.query(expression);
    if (found.length > 1) throw new Error(`${expression} finds ${found.length} series, not one`);
    return found[0]?.samples[0]?.[1];
  }

  /** Every rule that the operator loaded from a PrometheusRule. */
  async rules(namespace: string, name: string): Promise<readonly Rule[]> {
    return this.#rules((file) => file.includes(`/${namespace}-${name}-`));
  }

  /** Every rule that is loaded. */
  async allRules(): Promise<readonly Rule[]> {
    return this.#rules(() => true);
  }

  async #rules(wanted: (file: string) => boolean): Promise<readonly Rule[]> {
    const { groups } = await this.#get<{ groups: { file: string; rules: Rule[] }[] }>('rules', {});
    return groups.filter(({ file }) => wanted(file)).flatMap(({ rules }) => rules);
  }

  async #get<T>(path: string, parameters: Record<string, string>): Promise<T> {
    const url = `${this.#url}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`;
    const response = await fetch(url, { signal: AbortSignal.timeout(20_000) });
    const answer = (await response.json()) as Answer<T>;
    if (answer.status !== 'success')
      throw new Error(`Prometheus refused ${path} ${JSON.stringify(parameters)}: ${answer.error ?? ''}`);
    return answer.data;
  }
}
