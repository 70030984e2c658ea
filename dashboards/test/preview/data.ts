import { interpolate, type Picked } from '../../../testkit/interpolate.ts';
import { panelsOf, type DashboardFile, type PanelFile } from '../../../testkit/dashboard-file.ts';
import type { Prometheus } from '../support/prometheus.ts';

/** A series as the page draws it: its name, and its value at each of the times, `null` where there is none. */
export interface DrawnSeries {
  readonly name: string;
  /** Letter of its query. */
  readonly refId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly values: readonly (number | null)[];
}

/** A panel as the page draws it: how it looks, as Grafana reads it, with the answers to its queries. */
export interface DrawnPanel extends Pick<
  PanelFile,
  'title' | 'type' | 'gridPos' | 'fieldConfig' | 'options' | 'transformations'
> {
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

/** Window of rates, and step of heatmaps and bars. */
const WINDOW_SECONDS = 10;

/** Asks everything that the dashboard asks; its rows stand open. */
export async function drawnPanels(dashboard: DashboardFile, source: Source): Promise<DrawnPanel[]> {
  const rows = dashboard.panels.filter(({ type }) => type === 'row');
  const empty = { fieldConfig: { defaults: {}, overrides: [] }, times: [], series: [], lines: [] };
  return [
    ...rows.map(({ title, type, gridPos }) => ({ title, type, gridPos, ...empty })),
    ...(await Promise.all(panelsOf(dashboard).map((panel) => drawnPanel(panel, source)))),
  ];
}

async function drawnPanel(panel: PanelFile, source: Source): Promise<DrawnPanel> {
  const { title, type, gridPos, fieldConfig, options = {}, transformations = [] } = panel;
  const step = stepOf(panel);
  const times = Array.from(
    { length: Math.ceil((source.to - source.from) / step) + 1 },
    (_, index) => source.from + index * step,
  );
  const answers = await Promise.all(panel.targets.map((target) => answer(target, type, source, times)));
  return {
    ...{ title, type, gridPos, fieldConfig, options, transformations, times },
    series: answers.flatMap(({ series }) => series),
    lines: answers.flatMap(({ lines }) => lines),
  };
}

type Answer = Pick<DrawnPanel, 'series' | 'lines'>;
type Unlettered = Omit<DrawnSeries, 'refId'>;

async function answer(
  target: PanelFile['targets'][number],
  type: string,
  source: Source,
  times: readonly number[],
): Promise<Answer> {
  const range = `${Math.ceil(source.to - source.from)}s`;
  const expr = interpolate(target.expr, {
    ...source.picked,
    __rate_interval: `${WINDOW_SECONDS}s`,
    __range: range,
    __auto: `${STEP_SECONDS.loki}s`,
  });
  const instant = ['stat', 'gauge', 'table'].includes(type);
  const { refId, legendFormat, direction = 'backward' } = target;
  const { series, lines } =
    target.datasource.type === 'prometheus'
      ? { series: await fromPrometheus(expr, legendFormat, instant, source, times), lines: [] }
      : await fromLoki({ expr, legend: legendFormat, instant, direction }, source, times);
  return { series: series.map((each) => ({ ...each, refId })), lines };
}

async function fromPrometheus(
  expr: string,
  legend: string,
  instant: boolean,
  source: Source,
  times: readonly number[],
): Promise<Unlettered[]> {
  const { prometheus, from } = source;
  const found = instant
    ? await prometheus.query(expr)
    : await prometheus.queryRange(expr, { from, to: times.at(-1) ?? from, step: (times[1] ?? from + 1) - from });
  return found.map(({ labels, samples }) => ({
    name: nameOf(legend, labels),
    labels,
    values: instant ? samples.map(([, value]) => value) : placed(samples, times),
  }));
}

async function fromLoki(
  { expr, legend, instant, direction }: { expr: string; legend: string; instant: boolean; direction: string },
  source: Source,
  times: readonly number[],
): Promise<{ series: Unlettered[]; lines: Answer['lines'] }> {
  const nanoseconds = (seconds: number): string => String(BigInt(Math.round(seconds * 1000)) * 1_000_000n);
  const span = {
    start: nanoseconds(source.from),
    end: nanoseconds(source.to),
    step: String(STEP_SECONDS.loki),
    limit: '60',
    direction,
  };
  const parameters = instant ? { query: expr } : { query: expr, ...span };
  const url = `${source.lokiUrl}/loki/api/v1/${instant ? 'query' : 'query_range'}?${new URLSearchParams(parameters).toString()}`;
  const { data } = (await (await fetch(url)).json()) as { data: { resultType: string; result: LokiResult[] } };
  if (data.resultType === 'streams') {
    const entries = data.result.flatMap(({ values = [] }) =>
      values.map(([time, line]) => [BigInt(time), line] as const),
    );
    entries.sort(([one], [other]) => (one < other === (direction === 'forward') ? -1 : 1));
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

function stepOf({ datasource, targets }: PanelFile): number {
  if (datasource.type === 'loki') return STEP_SECONDS.loki;
  return targets.some(({ interval }) => interval !== undefined) ? WINDOW_SECONDS : STEP_SECONDS.prometheus;
}

function nameOf(legend: string, labels: Readonly<Record<string, string>>): string {
  return legend.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => labels[label] ?? '').trim();
}
