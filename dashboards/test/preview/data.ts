import { interpolate, type Picked } from '../../../testkit/interpolate.ts';
import type { DashboardFile, PanelFile } from '../../../testkit/dashboard-file.ts';
import type { Prometheus } from '../support/prometheus.ts';

/** A series as the page draws it: its name, and its value at each of the times, `null` where there is none. */
export interface DrawnSeries {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly values: readonly (number | null)[];
}

/** A panel as the page draws it. */
export interface DrawnPanel {
  readonly title: string;
  readonly type: string;
  readonly gridPos: PanelFile['gridPos'];
  readonly fieldConfig: PanelFile['fieldConfig'];
  /** Seconds since 1970. */
  readonly times: readonly number[];
  readonly series: readonly DrawnSeries[];
  /** Time and line, for panels of lines. */
  readonly lines: readonly (readonly [milliseconds: number, line: string])[];
}

/** Where the data come from, and for which time and variables. */
export interface Source {
  readonly prometheus: Prometheus;
  readonly lokiUrl: string;
  readonly from: number;
  readonly to: number;
  readonly picked: Picked;
}

interface LokiResult {
  readonly metric?: Readonly<Record<string, string>>;
  readonly stream?: Readonly<Record<string, string>>;
  readonly values?: readonly (readonly [string | number, string])[];
  readonly value?: readonly [number, string];
}

/** Points of metrics, which are scraped each second, and of lines, which are counted over as long. */
const STEP_SECONDS = { prometheus: 1, loki: 5 } as const;

/** Asks everything that the dashboard asks. */
export async function drawnPanels(dashboard: DashboardFile, source: Source): Promise<DrawnPanel[]> {
  return Promise.all(dashboard.panels.map((panel) => drawnPanel(panel, source)));
}

async function drawnPanel(panel: PanelFile, source: Source): Promise<DrawnPanel> {
  const { title, type, gridPos, fieldConfig } = panel;
  if (type === 'row') return { title, type, gridPos, fieldConfig: { defaults: {} }, times: [], series: [], lines: [] };
  const step = stepOf(panel);
  const times = Array.from(
    { length: Math.ceil((source.to - source.from) / step) + 1 },
    (_, index) => source.from + index * step,
  );
  const drawn = { title, type, gridPos, fieldConfig, times };
  const answers = await Promise.all(panel.targets.map((target) => answer(target, type, source, times)));
  return { ...drawn, series: answers.flatMap(({ series }) => series), lines: answers.flatMap(({ lines }) => lines) };
}

type Answer = Pick<DrawnPanel, 'series' | 'lines'>;

async function answer(
  target: PanelFile['targets'][number],
  type: string,
  source: Source,
  times: readonly number[],
): Promise<Answer> {
  const range = `${Math.ceil(source.to - source.from)}s`;
  const expr = interpolate(target.expr, {
    ...source.picked,
    __rate_interval: '10s',
    __range: range,
    __auto: `${STEP_SECONDS.loki}s`,
  });
  const instant = ['stat', 'gauge', 'bargauge', 'table'].includes(type);
  return target.datasource.type === 'prometheus'
    ? { series: await fromPrometheus(expr, target.legendFormat, instant, source, times), lines: [] }
    : fromLoki(expr, target.legendFormat, instant, source, times);
}

async function fromPrometheus(
  expr: string,
  legend: string,
  instant: boolean,
  source: Source,
  times: readonly number[],
): Promise<DrawnSeries[]> {
  const { prometheus, from } = source;
  const found = instant
    ? await prometheus.query(expr)
    : await prometheus.queryRange(expr, { from, to: times.at(-1) ?? from, step: STEP_SECONDS.prometheus });
  return found.map(({ labels, samples }) => ({
    name: nameOf(legend, labels),
    labels,
    values: instant ? samples.map(([, value]) => value) : placed(samples, times),
  }));
}

async function fromLoki(
  expr: string,
  legend: string,
  instant: boolean,
  source: Source,
  times: readonly number[],
): Promise<Answer> {
  const nanoseconds = (seconds: number): string => String(BigInt(Math.round(seconds * 1000)) * 1_000_000n);
  const span = {
    start: nanoseconds(source.from),
    end: nanoseconds(source.to),
    step: String(STEP_SECONDS.loki),
    limit: '60',
  };
  const parameters = instant ? { query: expr } : { query: expr, ...span };
  const url = `${source.lokiUrl}/loki/api/v1/${instant ? 'query' : 'query_range'}?${new URLSearchParams(parameters).toString()}`;
  const { data } = (await (await fetch(url)).json()) as { data: { resultType: string; result: LokiResult[] } };
  if (data.resultType === 'streams') {
    const entries = data.result.flatMap(({ values = [] }) =>
      values.map(([time, line]) => [BigInt(time), line] as const),
    );
    entries.sort(([one], [other]) => (one < other ? -1 : 1));
    return { series: [], lines: entries.map(([time, line]) => [Number(time / 1_000_000n), line] as const) };
  }
  const series = data.result.map(({ metric = {}, values = [], value }) => ({
    name: nameOf(legend, metric),
    labels: metric,
    values:
      value === undefined
        ? placed(
            values.map(([time, each]) => [Number(time), Number(each)]),
            times,
          )
        : [Number(value[1])],
  }));
  return { series, lines: [] };
}

/** Values at their places on the time axis. */
function placed(samples: readonly (readonly [number, number])[], times: readonly number[]): (number | null)[] {
  const [from = 0, second = from + 1] = times;
  const values = new Array<number | null>(times.length).fill(null);
  for (const [time, value] of samples) {
    const index = Math.round((time - from) / (second - from));
    if (index >= 0 && index < times.length && Number.isFinite(value)) values[index] = value;
  }
  return values;
}

function stepOf({ datasource }: PanelFile): number {
  return datasource.type === 'loki' ? STEP_SECONDS.loki : STEP_SECONDS.prometheus;
}

function nameOf(legend: string, labels: Readonly<Record<string, string>>): string {
  return legend.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => labels[label] ?? '').trim();
}
