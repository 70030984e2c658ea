/**
 * How panels look. Options are those that Grafana 11, 12 and 13 share; what one of them lacks or has renamed (columns that are
 * hidden by an override, the `footer` of tables, native histograms, tabs and sections of dashboard schema v2) is not used.
 */
import * as common from '@grafana/grafana-foundation-sdk/common';
import {
  DashboardLinkBuilder,
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type DynamicConfigValue,
  type Panel,
  type ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as Gauge } from '@grafana/grafana-foundation-sdk/gauge';
import {
  HeatmapColorOptionsBuilder,
  PanelBuilder as Heatmap,
  YAxisConfigBuilder,
} from '@grafana/grafana-foundation-sdk/heatmap';
import { PanelBuilder as Logs } from '@grafana/grafana-foundation-sdk/logs';
import { PanelBuilder as Stat } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as StateTimeline } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as Table } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as TimeSeries } from '@grafana/grafana-foundation-sdk/timeseries';
import { linkTo } from './links.ts';
import type { Column, Look, PanelSpec, State, Threshold } from './panel.ts';

type LookOf<K extends Look['kind']> = Extract<Look, { kind: K }>;

/**
 * A panel that looks as its spec says, without queries and place. Builders change as they are used, so each panel gets fresh
 * ones.
 */
export function look(spec: PanelSpec): Panel {
  const panel = build(spec);
  const empty = spec.emptyWhenWell === undefined ? '' : ` Empty when all is well: ${spec.emptyWhenWell}.`;
  panel.title = spec.title;
  panel.description = spec.description + empty;
  return panel;
}

function build(spec: PanelSpec): Panel {
  switch (spec.look.kind) {
    case 'graph':
      return graph(spec, spec.look);
    case 'stat':
      return stat(spec, spec.look);
    case 'gauge':
      return gauge(spec);
    case 'heatmap':
      return heatmap(spec);
    case 'states':
      return states(spec, spec.look);
    case 'table':
      return table(spec, spec.look);
    case 'logs':
      return logs(spec.look);
  }
}

function graph(spec: PanelSpec, { stacked, bars, max, logarithmic }: LookOf<'graph'>): Panel {
  const builder = new TimeSeries()
    .unit(spec.unit)
    .drawStyle(bars === true ? common.GraphDrawStyle.Bars : common.GraphDrawStyle.Line)
    .lineWidth(1)
    .fillOpacity(bars === true ? 60 : stacked === true ? 25 : 8)
    .showPoints(common.VisibilityMode.Auto)
    .legend(legend())
    .tooltip(tooltip())
    .thresholds(thresholds(spec.thresholds))
    .dataLinks(dataLinks(spec));
  if (stacked === true)
    builder.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group('A'));
  if (max !== undefined) builder.max(max);
  // A logarithm of 0 has no place: Grafana 9.4 hung with `min: 0`.
  if (logarithmic === true)
    builder.scaleDistribution(new common.ScaleDistributionConfigBuilder().type(common.ScaleDistribution.Log).log(10));
  else builder.min(0);
  if (spec.thresholds !== undefined)
    builder.thresholdsStyle(
      new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Dashed),
    );
  for (const [pattern, colour] of spec.colours ?? []) builder.overrideByRegexp(`/${pattern}/`, [shadesOf(colour)]);
  if (spec.queries.some(({ legend: name }) => name.startsWith('limit')))
    builder.overrideByRegexp('/^limit/', LIMIT_LINE);
  if (spec.byPod === true) builder.withTransformation(SHORT_POD_NAMES);
  return noValue(builder, spec).build();
}

function stat(spec: PanelSpec, { decimals, named, maxFrom, own, exhausted }: LookOf<'stat'>): Panel {
  const mode = maxFrom === undefined ? ThresholdsMode.Absolute : ThresholdsMode.Percentage;
  const builder = new Stat()
    .unit(spec.unit)
    .reduceOptions(lastValue())
    .graphMode(common.BigValueGraphMode.None)
    .colorMode(common.BigValueColorMode.Value)
    .textMode(named === true ? common.BigValueTextMode.ValueAndName : common.BigValueTextMode.Value)
    .orientation(common.VizOrientation.Vertical)
    .thresholds(thresholds(spec.thresholds, mode));
  if (decimals !== undefined) builder.decimals(decimals);
  if (maxFrom !== undefined) builder.min(0).withTransformation(maxFromLast(spec));
  for (const [name, steps] of Object.entries(own ?? {}))
    builder.overrideByName(name, [{ id: 'thresholds', value: thresholds(steps).build() }]);
  if (exhausted !== undefined) builder.mappings([belowZero(exhausted)]);
  return noValue(builder, spec).build();
}

/** Its end comes from a second query, so that the colours are shares of the limit. */
function gauge(spec: PanelSpec): Panel {
  return new Gauge()
    .unit(spec.unit)
    .min(0)
    .reduceOptions(lastValue())
    .thresholds(thresholds(spec.thresholds, ThresholdsMode.Percentage))
    .withTransformation(maxFromLast(spec))
    .build();
}

/** The last query, which is not shown, is the maximum of the others. */
function maxFromLast({ queries }: PanelSpec): { id: string; options: unknown } {
  const configRefId = String.fromCharCode('A'.charCodeAt(0) + queries.length);
  return {
    id: 'configFromData',
    options: { configRefId, mappings: [{ fieldName: 'limit', handlerKey: 'max' }] },
  };
}

function heatmap(spec: PanelSpec): Panel {
  return new Heatmap()
    .calculate(false)
    .yAxis(new YAxisConfigBuilder().unit(spec.unit).axisPlacement(common.AxisPlacement.Left))
    .color(
      new HeatmapColorOptionsBuilder().scheme('Oranges').fill('dark-orange').exponent(0.5).steps(64).reverse(false),
    )
    .build();
}

function states(spec: PanelSpec, { states: options }: LookOf<'states'>): Panel {
  return new StateTimeline()
    .unit(spec.unit)
    .mappings([valueMapping(options)])
    .showValue(common.VisibilityMode.Auto)
    .mergeValues(true)
    .rowHeight(0.8)
    .legend(legend())
    .tooltip(tooltip())
    .thresholds(thresholds(undefined))
    .dataLinks(dataLinks(spec))
    .withTransformation(SHORT_POD_NAMES)
    .build();
}

/** Several queries are joined into rows by the labels that they have in common. */
function table(spec: PanelSpec, { columns, sort }: LookOf<'table'>): Panel {
  // The value of a single query has its letter or not, as the data source likes.
  const fields = Object.entries({
    ...columns,
    ...(columns['Value'] !== undefined && { 'Value #A': columns['Value'] }),
  });
  const letters = spec.queries.map((_, index) => `Value #${String.fromCharCode('A'.charCodeAt(0) + index)}`);
  const hidden = ['Time', 'Value', ...letters, ...NEVER_SHOWN].filter(
    (field) => !fields.some(([shown]) => shown === field),
  );
  const builder = new Table().unit(spec.unit).cellHeight(common.TableCellHeight.Sm);
  if (spec.queries.length > 1) builder.withTransformation({ id: 'merge', options: {} });
  builder.withTransformation({
    id: 'organize',
    options: {
      excludeByName: Object.fromEntries(hidden.map((field) => [field, true])),
      indexByName: Object.fromEntries(fields.map(([field], index) => [field, index])),
      renameByName: Object.fromEntries(fields.map(([field, { title }]) => [field, title])),
    },
  });
  for (const column of Object.values(columns)) builder.overrideByName(column.title, columnOptions(column));
  if (sort !== undefined)
    builder.sortBy([new common.TableSortByFieldStateBuilder().displayName(sort.title).desc(sort.descending)]);
  return noValue(builder, spec).build();
}

/** Labels by which rows of pods are joined; the variables say them. */
const NEVER_SHOWN = ['namespace', 'release'];

function columnOptions(column: Column): DynamicConfigValue[] {
  const { width, unit, decimals, thresholds: steps, states: options, isPod, links } = column;
  const colour = { id: 'custom.cellOptions', value: { type: 'color-text' } };
  return [
    ...(width === undefined ? [] : [{ id: 'custom.width', value: width * 10 }]),
    ...(unit === undefined ? [] : [{ id: 'unit', value: unit }]),
    ...(decimals === undefined ? [] : [{ id: 'decimals', value: decimals }]),
    ...(steps === undefined ? [] : [{ id: 'thresholds', value: thresholds(steps).build() }, colour]),
    ...(options === undefined ? [] : [{ id: 'mappings', value: [valueMapping(options)] }, colour]),
    ...(isPod === true ? [{ id: 'mappings', value: [LAST_PART] }] : []),
    ...(links === undefined ? [] : [{ id: 'links', value: links }]),
  ];
}

/** The links of a line stand among its details. */
function logs({ oldestFirst }: LookOf<'logs'>): Panel {
  const link = (field: string, title: string, url: string): [string, DynamicConfigValue[]] => [
    field,
    [{ id: 'links', value: [{ title, url }] }],
  ];
  return new Logs()
    .showTime(true)
    .wrapLogMessage(true)
    .prettifyLogMessage(false)
    .enableLogDetails(true)
    .dedupStrategy(common.LogsDedupStrategy.None)
    .sortOrder(oldestFirst === true ? common.LogsSortOrder.Ascending : common.LogsSortOrder.Descending)
    .withTransformation({
      id: 'extractFields',
      options: {
        source: 'labels',
        format: 'json',
        jsonPaths: [{ path: 'session_id' }, { path: 'pod' }],
        keepTime: false,
        replace: false,
      },
    })
    .overrideByName(
      ...link('session_id', 'Story of this session', linkTo('logs', { session: '${__value.raw}' }, 'logs')),
    )
    .overrideByName(...link('pod', 'Panels of this pod', linkTo('overview', { pod: '${__value.raw}' }, 'logs')))
    .build();
}

/** What an empty panel says instead of "No data", where empty is good. */
function noValue<B extends { noValue: (text: string) => B }>(builder: B, { emptyWhenWell }: PanelSpec): B {
  return emptyWhenWell === undefined ? builder : builder.noValue(emptyWhenWell);
}

/** Below the graph, where Grafana gives it a third of the panel at most; the rest of it scrolls. */
function legend(): common.VizLegendOptionsBuilder {
  return new common.VizLegendOptionsBuilder()
    .showLegend(true)
    .displayMode(common.LegendDisplayMode.List)
    .placement(common.LegendPlacement.Bottom);
}

function tooltip(): common.VizTooltipOptionsBuilder {
  return new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending);
}

function lastValue(): common.ReduceDataOptionsBuilder {
  return new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false);
}

function thresholds(steps: readonly Threshold[] | undefined, mode = ThresholdsMode.Absolute): ThresholdsConfigBuilder {
  const colours = (steps ?? [[null, 'green']]).map(([value, color]) => ({ value, color }));
  return new ThresholdsConfigBuilder().mode(mode).steps(colours);
}

function shadesOf(colour: string): DynamicConfigValue {
  return { id: 'color', value: new FieldColorBuilder().mode(FieldColorModeId.Shades).fixedColor(colour).build() };
}

function valueMapping(options: Readonly<Record<string, State>>): ValueMapping {
  return { type: MappingType.ValueToText, options: { ...options } };
}

function belowZero(text: string): ValueMapping {
  return { type: MappingType.RangeToText, options: { from: null, to: 0, result: { text, color: 'red' } } };
}

/** `chat-websocket-message-counter-7d9c5b8f6d-x2x7q 99 %` is shown as `x2x7q 99 %`. */
const LAST_PART: ValueMapping = {
  type: MappingType.RegexToText,
  options: { pattern: '^.*-([a-z0-9]{5})$', result: { text: '$1' } },
};
const SHORT_POD_NAMES = {
  id: 'renameByRegex',
  options: { regex: '^.*-([a-z0-9]{5})( .*)?$', renamePattern: '$1$2' },
};

const LIMIT_LINE: DynamicConfigValue[] = [
  { id: 'custom.lineStyle', value: { fill: 'dash', dash: [8, 6] } },
  { id: 'custom.fillOpacity', value: 0 },
  { id: 'custom.stacking', value: { mode: 'none' } },
  { id: 'color', value: { mode: 'fixed', fixedColor: 'red' } },
];

/** From a series of a pod to the lines of that pod, at the same time. */
function dataLinks({ byPod }: PanelSpec): DashboardLinkBuilder[] {
  if (byPod !== true) return [];
  const url = linkTo('logs', { pod: '${__field.labels.pod}' });
  return [new DashboardLinkBuilder('Logs of ${__field.labels.pod}').url(url)];
}
