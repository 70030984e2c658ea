/* eslint-disable @typescript-eslint/no-deprecated -- The classic form: what kube-prometheus-stack's sidecar and Grafana 11 read; the
   new one is for Grafana 12's API alone. */
import type { DataSourceRef } from '@grafana/grafana-foundation-sdk/common';
import {
  AnnotationQueryBuilder,
  CustomVariableBuilder,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  TextBoxVariableBuilder,
  VariableRefresh,
  VariableSort,
  type Dashboard,
  type Panel,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder as LokiQuery } from '@grafana/grafana-foundation-sdk/loki';
import { DataqueryBuilder as PrometheusQuery, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { ALL, LOKI, PROMETHEUS, REFRESH, SOME, TAG, TIME } from './config.ts';
import { LOGQL } from './logql.ts';
import { look } from './looks.ts';
import type { PanelSpec, RowSpec } from './panel.ts';
import { LABEL_VALUES, PROMQL } from './promql.ts';

/** A dashboard as Grafana stores it, with the fields that the SDK leaves out. */
export type DashboardJson = Dashboard & { readonly panels: readonly Panel[] };

/** What a dashboard has besides its panels. */
export interface Head {
  readonly title: string;
  /** Stable id, which links are made with. */
  readonly uid: string;
  readonly description: string;
  readonly variables: Parameters<DashboardBuilder['variables']>[0];
}

/** A dashboard of these rows. The first one's panels stand at the top, without a heading, if its title is empty. */
export function assemble({ title: name, uid, description, variables }: Head, rows: readonly RowSpec[]): DashboardJson {
  let id = 0;
  const builder = new DashboardBuilder(name)
    .uid(uid)
    .description(description)
    .variables(variables)
    .annotations([
      annotation('Starts', 'starts', 'Instance started', 'blue'),
      annotation('Drains', 'drains', 'Instance drains', 'purple'),
      annotation('Alerts', 'alerts', '{{alertname}} ({{severity}})', 'red'),
    ])
    .tags([TAG])
    .timezone('browser')
    .readonly()
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ ...TIME })
    .refresh(REFRESH)
    .links([sisterLink()]);
  for (const { title, panels } of rows) {
    if (title !== '') builder.withRow(new RowBuilder(title).id(++id));
    for (const spec of panels) {
      const panel = placed(spec, ++id);
      builder.withPanel({ build: () => panel });
    }
  }
  return withoutPlacement(builder.build()) as DashboardJson;
}

/** The SDK puts every link and annotation into a menu, from Grafana 12 on; they are to stand where they always stood. */
function withoutPlacement(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPlacement);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key, each]) => key !== 'placement' || each !== 'inControlsMenu');
  return Object.fromEntries(entries.map(([key, each]) => [key, withoutPlacement(each)]));
}

/** The data source that the reader picks. The linter's rule gives its name and its label. */
export function datasourceVariable(type: 'prometheus' | 'loki'): DatasourceVariableBuilder {
  const title = type === 'prometheus' ? 'Prometheus' : 'Loki';
  return new DatasourceVariableBuilder(`${type}_datasource`).label(`${title} data source`).type(type);
}

/** Namespace, release and pod, each offering what fits those before it. */
export function targetVariables(): QueryVariableBuilder[] {
  return Object.entries(LABEL_VALUES).map(([name, query]) =>
    new QueryVariableBuilder(name)
      .label(name.charAt(0).toUpperCase() + name.slice(1))
      .datasource(PROMETHEUS)
      .query({ qryType: 1, query, refId: 'PrometheusVariableQueryEditor-VariableQuery' })
      .definition(query)
      .refresh(VariableRefresh.OnTimeRangeChanged)
      .sort(VariableSort.AlphabeticalAsc)
      .multi(true)
      .includeAll(true)
      .allValue(ALL)
      .current({ selected: true, text: 'All', value: '$__all' }),
  );
}

/** Values of a label of Loki. */
export function lokiLabelVariable(label: string, allValue: string): QueryVariableBuilder {
  return new QueryVariableBuilder(label)
    .label(label.charAt(0).toUpperCase() + label.slice(1))
    .datasource(LOKI)
    .query({ label, refId: 'LokiVariableQueryEditor-VariableQuery', stream: '', type: 1 })
    .definition(`label_values(${label})`)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue(allValue)
    .current({ selected: true, text: 'All', value: '$__all' });
}

/** Levels of the log. */
export function levelVariable(levels: readonly string[]): CustomVariableBuilder {
  return new CustomVariableBuilder('level')
    .label('Level')
    .values(levels.join(','))
    .multi(true)
    .includeAll(true)
    .allValue(SOME)
    .current({ selected: true, text: 'All', value: '$__all' });
}

/** A text that the reader types in. */
export function textVariable(name: string, label: string): TextBoxVariableBuilder {
  return new TextBoxVariableBuilder(name)
    .label(label)
    .defaultValue('')
    .current({ selected: true, text: '', value: '' });
}

/** Marks in every graph. */
function annotation(
  name: string,
  query: 'starts' | 'drains' | 'alerts',
  text: string,
  colour: string,
): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder()
    .name(name)
    .datasource(PROMETHEUS)
    .enable(true)
    .hide(false)
    .iconColor(colour)
    .expr(PROMQL[query])
    .step('60s')
    .titleFormat(text)
    .textFormat('{{namespace}}/{{release}} {{pod}}')
    .tagKeys('namespace,release,pod')
    .useValueForTime(query === 'starts');
}

/** To the other dashboard, time and variables kept. */
function sisterLink(): DashboardLinkBuilder {
  return new DashboardLinkBuilder('Other WebSocket dashboards')
    .type(DashboardLinkType.Dashboards)
    .tags([TAG])
    .keepTime(true)
    .includeVars(true);
}

/** The SDK leaves out ids and data sources, which Grafana then guesses. */
function placed(spec: PanelSpec, id: number): Panel {
  const source = sourceOf(spec);
  const queries = [
    ...spec.queries,
    ...(spec.look.kind === 'gauge' ? [{ query: spec.look.maxFrom, legend: 'limit' }] : []),
  ];
  return {
    ...look(spec),
    id,
    datasource: source,
    gridPos: { x: 0, y: 0, w: spec.width, h: spec.height },
    targets: queries.map(({ query, legend }, index) => {
      const refId = String.fromCharCode('A'.charCodeAt(0) + index);
      return query in PROMQL
        ? prometheusTarget(spec, PROMQL[query as keyof typeof PROMQL], legend, refId)
        : lokiTarget(spec, LOGQL[query as keyof typeof LOGQL], legend, refId);
    }),
  };
}

function sourceOf({ queries: [first] }: PanelSpec): DataSourceRef {
  return first.query in PROMQL ? PROMETHEUS : LOKI;
}

const FORMATS: Readonly<Partial<Record<PanelSpec['look']['kind'], PromQueryFormat>>> = {
  heatmap: PromQueryFormat.Heatmap,
  histogram: PromQueryFormat.Heatmap,
  table: PromQueryFormat.Table,
};

function prometheusTarget(
  { look: { kind } }: PanelSpec,
  expr: string,
  legend: string,
  refId: string,
): ReturnType<PrometheusQuery['build']> {
  const query = new PrometheusQuery().refId(refId).datasource(PROMETHEUS).expr(expr).legendFormat(legend);
  query.format(FORMATS[kind] ?? PromQueryFormat.TimeSeries);
  if (['stat', 'gauge', 'histogram', 'table'].includes(kind)) query.instant();
  else query.range();
  return query.build();
}

function lokiTarget(
  { look: shape }: PanelSpec,
  expr: string,
  legend: string,
  refId: string,
): ReturnType<LokiQuery['build']> {
  const query = new LokiQuery().refId(refId).datasource(LOKI).expr(expr).legendFormat(legend);
  query.queryType(shape.kind === 'table' ? 'instant' : 'range');
  if (shape.kind === 'logs') query.maxLines(500);
  return query.build();
}
