import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startPrometheusProgram } from '../../../testkit/prometheus-program.ts';
import { findTool } from '../../../testkit/find-tool.ts';
import type { Cleanup } from '../../../testkit/redis.ts';

/** A series of an answer, with its samples: time in seconds and value. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly samples: readonly (readonly [time: number, value: number])[];
}

/** What Prometheus scrapes: an address, and the labels that its series get; `job` and `__metrics_path__` may be among them. */
export interface Target {
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** A span of time, in seconds since 1970, and the distance of its points. */
export interface Span {
  readonly from: number;
  readonly to: number;
  readonly step: number;
}

/** Longest wait for something to be seen. */
const PATIENCE_MS = 240_000;

export const prometheusTool = findTool('prometheus');

/** A real Prometheus that scrapes and evaluates its rules each second. */
export class Prometheus {
  readonly url: string;

  private constructor(url: string) {
    this.url = url;
  }

  /** Starts one, which ends with `t`. */
  static async start(t: Cleanup, targets: readonly Target[], rules: string): Promise<Prometheus> {
    const folder = mkdtempSync(join(tmpdir(), 'prometheus-'));
    writeFileSync(join(folder, 'rules.yaml'), rules);
    writeFileSync(join(folder, 'prometheus.yaml'), configuration(targets));
    const address = await startPrometheusProgram(t, prometheusTool.path, folder, [
      `--config.file=${join(folder, 'prometheus.yaml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
    ]);
    const prometheus = new Prometheus(`http://${address}`);
    await prometheus.until('up == 1', targets.length);
    return prometheus;
  }

  /** What a query gives now, or at a time in seconds since 1970. */
  async query(query: string, time?: number): Promise<Series[]> {
    const result = (await this.#ask('query', { query, ...(time !== undefined && { time: String(time) }) })) as {
      metric: Record<string, string>;
      value: [number, string];
    }[];
    return result.map(({ metric, value }) => ({ labels: metric, samples: [[value[0], Number(value[1])] as const] }));
  }

  /** What a variable lists, by its `label_values(selector, label)`, with All picked: `(a|b)`. */
  async all(definition: string): Promise<string> {
    const [, selector = '', label = ''] = /^label_values\((.+), (\w+)\)$/.exec(definition) ?? [];
    const series = await this.query(`count by (${label}) (${selector})`);
    return `(${series.map(({ labels }) => labels[label] ?? '').join('|')})`;
  }

  /** What a query gives over a span of time. */
  async queryRange(query: string, { from, to, step }: Span): Promise<Series[]> {
    const parameters = { query, start: String(from), end: String(to), step: String(step) };
    const result = (await this.#ask('query_range', parameters)) as {
      metric: Record<string, string>;
      values: [number, string][];
    }[];
    return result.map(({ metric, values }) => ({
      labels: metric,
      samples: values.map(([time, value]) => [time, Number(value)] as const),
    }));
  }

  /**
   * Asks again until a query gives so many series at least.
   * @throws {Error} if it does not within four minutes
   */
  async until(query: string, count = 1): Promise<Series[]> {
    const deadline = performance.now() + PATIENCE_MS;
    while (performance.now() < deadline) {
      const series = await this.query(query).catch(() => []);
      if (series.length >= count) return series;
      await delay(100);
    }
    throw new Error(`${query} did not give ${count} series within ${PATIENCE_MS / 1000} s`);
  }

  async #ask(path: string, parameters: Readonly<Record<string, string>>): Promise<unknown> {
    const response = await fetch(`${this.url}/api/v1/${path}`, {
      method: 'POST',
      body: new URLSearchParams(parameters),
    });
    const { status, data, error } = (await response.json()) as {
      status: string;
      data: { resultType: string; result: unknown };
      error?: string;
    };
    if (status !== 'success') throw new Error(`${parameters['query'] ?? ''}\n${error ?? ''}`);
    if (data.resultType === 'scalar') throw new Error(`${parameters['query'] ?? ''} is a scalar`);
    return data.result;
  }
}

function configuration(targets: readonly Target[]): string {
  return JSON.stringify({
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: ['rules.yaml'],
    scrape_configs: [
      {
        job_name: 'websocket-message-counter',
        metrics_path: '/metrics/',
        static_configs: targets.map(({ port, labels }) => ({ targets: [`127.0.0.1:${port}`], labels })),
      },
    ],
  });
}
