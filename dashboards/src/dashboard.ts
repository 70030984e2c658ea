/* oxlint-disable typescript/no-deprecated -- The classic form: what kube-prometheus-stack's sidecar and Grafana 11 read; the
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
  VariableHide,
  VariableRefresh,
  VariableSort,
  type Dashboard,
  type Panel,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder as LokiQuery, LokiQueryDirection } from '@grafana/grafana-foundation-sdk/loki';
import { DataqueryBuilder as PrometheusQuery, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { ALL_PODS, LOKI, PROMETHEUS, REFRESH, TAG, TIME, UIDS, WINDOW } from './config.ts';
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
      annotation('Rollouts', 'rollouts', 'Rollout of {{replicaset}}', 'blue'),
      annotation('Drains', 'drains', '{{pod}} drains', 'purple'),
      annotation('Critical alerts', 'alerts', '{{alertname}}', 'red').enable(false),
    ])
    .tags([TAG])
    .timezone('browser')
    .readonly()
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ ...TIME })
    .refresh(REFRESH)
    .links([sisterLink(uid)]);
  for (const { title, panels, open } of rows) {
    const row = new RowBuilder(title).id(++id).collapsed(open !== true);
    const built = panels.map((spec) => placed(spec, ++id)).map((panel) => ({ build: () => panel }));
    if (open !== true) for (const panel of built) row.withPanel(panel);
    if (title !== '') builder.withRow(row);
    if (open === true) for (const panel of built) builder.withPanel(panel);
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
export function datasourceVariable(type: 'prometheus' | 'loki' | 'alertmanager'): DatasourceVariableBuilder {
  const variable = new DatasourceVariableBuilder(`${type}_datasource`).label(`${capital(type)} data source`).type(type);
  // It is needed for a link alone.
  return type === 'alertmanager' ? variable.hide(VariableHide.HideVariable) : variable;
}

/** Job, namespace, release and pod, each offering what fits those before it: of this service, and of no other. */
export function targetVariables(): QueryVariableBuilder[] {
  return Object.entries(LABEL_VALUES).map(([name, query]) => {
    const variable = listVariable(name)
      .datasource(PROMETHEUS)
      .query({ qryType: 1, query, refId: 'PrometheusVariableQueryEditor-VariableQuery' })
      .definition(query)
      .includeAll(true)
      .current({ selected: true, text: 'All', value: '$__all' });
    return name === 'pod' ? variable.allValue(ALL_PODS) : variable;
  });
}

/** Values of a label of Loki: one at first, or all of them. */
export function lokiLabelVariable(label: string, first?: string): QueryVariableBuilder {
  return listVariable(label)
    .datasource(LOKI)
    .query({ label, refId: 'LokiVariableQueryEditor-VariableQuery', stream: '', type: 1 })
    .definition(`label_values(${label})`)
    .includeAll(first === undefined)
    .current({ selected: true, text: first ?? 'All', value: first ?? '$__all' });
}

/** Where it lists nothing, which is so outside Kubernetes, "All" is `()`, and matches what has no such label. */
function listVariable(name: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(capital(name))
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true);
}

function capital(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** Levels of the log. */
export function levelVariable(levels: readonly string[]): CustomVariableBuilder {
  return new CustomVariableBuilder('level')
    .label('Level')
    .values(levels.join(','))
    .multi(true)
    .includeAll(true)
    .current({ selected: true, text: 'All', value: '$__all' });
}

/** A text that the reader types in. */
export function textVariable(name: string, label: string): TextBoxVariableBuilder {
  return new TextBoxVariableBuilder(name)
    .label(label)
    .defaultValue('')
    .current({ selected: true, text: '', value: '' });
}

/** One of a few texts, each for a value; the first is picked. */
export function choiceVariable(
  name: string,
  label: string,
  choices: Readonly<Record<string, string>>,
): CustomVariableBuilder {
  const [[text, value] = ['', '']] = Object.entries(choices);
  return new CustomVariableBuilder(name)
    .label(label)
    .values(
      Object.entries(choices)
        .map((choice) => choice.join(' : '))
        .join(','),
    )
    .current({ selected: true, text, value });
}

/** Marks in every graph: what happened within a step, so that none is missed. */
function annotation(
  name: string,
  query: 'rollouts' | 'drains' | 'alerts',
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
    .step(WINDOW)
    .titleFormat(text)
    .textFormat('{{namespace}}/{{release}} {{pod}}')
    .tagKeys('namespace,release,pod')
    .useValueForTime(query === 'rollouts');
}

/** To the other dashboard, time and variables kept. */
function sisterLink(uid: string): DashboardLinkBuilder {
  const [name, other] = uid === UIDS.logs ? ['Overview', UIDS.overview] : ['Logs', UIDS.logs];
  return new DashboardLinkBuilder(name)
    .type(DashboardLinkType.Link)
    .url(`/d/${other}`)
    .keepTime(true)
    .includeVars(true);
}

/** The SDK leaves out ids and data sources, which Grafana then guesses. */
function placed(spec: PanelSpec, id: number): Panel {
  const source = sourceOf(spec);
  const queries = [...spec.queries, ...('maxFrom' in spec.look ? [{ query: spec.look.maxFrom, legend: 'limit' }] : [])];
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
  table: PromQueryFormat.Table,
};

function prometheusTarget(
  { look: shape }: PanelSpec,
  expr: string,
  legend: string,
  refId: string,
): ReturnType<PrometheusQuery['build']> {
  const query = new PrometheusQuery().refId(refId).datasource(PROMETHEUS).expr(expr).legendFormat(legend);
  query.format(FORMATS[shape.kind] ?? PromQueryFormat.TimeSeries);
  if (['stat', 'gauge', 'table'].includes(shape.kind)) query.instant();
  else query.range();
  if (shape.kind === 'heatmap' || (shape.kind === 'graph' && shape.bars === true)) query.interval(WINDOW);
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
  // The first lines, not the last ones, where there are more.
  if (shape.kind === 'logs' && shape.oldestFirst === true) query.direction(LokiQueryDirection.Forward);
  return query.build();
}
