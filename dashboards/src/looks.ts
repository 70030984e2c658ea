import { PanelBuilder as BarGauge } from '@grafana/grafana-foundation-sdk/bargauge';
import * as common from '@grafana/grafana-foundation-sdk/common';
import {
  DashboardLinkBuilder,
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type Panel,
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
import { UIDS } from './config.ts';
import type { Look, PanelSpec, Threshold } from './panel.ts';

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
    case 'histogram':
      return histogram(spec);
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
    .min(0)
    .drawStyle(bars === true ? common.GraphDrawStyle.Bars : common.GraphDrawStyle.Line)
    .lineWidth(1)
    .fillOpacity(bars === true ? 60 : stacked === true ? 25 : 8)
    .showPoints(common.VisibilityMode.Never)
    .legend(legend())
    .tooltip(tooltip())
    .thresholds(thresholds(spec.thresholds))
    .dataLinks(dataLinks(spec));
  if (stacked === true)
    builder.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group('A'));
  if (max !== undefined) builder.max(max);
  if (logarithmic === true)
    builder.scaleDistribution(new common.ScaleDistributionConfigBuilder().type(common.ScaleDistribution.Log).log(10));
  if (spec.thresholds !== undefined)
    builder.thresholdsStyle(
      new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Dashed),
    );
  return noValue(builder, spec).build();
}

function stat(spec: PanelSpec, { decimals }: LookOf<'stat'>): Panel {
  const builder = new Stat()
    .unit(spec.unit)
    .reduceOptions(lastValue())
    .graphMode(common.BigValueGraphMode.None)
    .colorMode(common.BigValueColorMode.Value)
    .thresholds(thresholds(spec.thresholds));
  if (decimals !== undefined) builder.decimals(decimals);
  return noValue(builder, spec).build();
}

/** Its end comes from a second query, so that the colours are shares of the limit. */
function gauge(spec: PanelSpec): Panel {
  return new Gauge()
    .unit(spec.unit)
    .min(0)
    .reduceOptions(lastValue())
    .thresholds(thresholds(spec.thresholds, ThresholdsMode.Percentage))
    .withTransformation({
      id: 'configFromData',
      options: { configRefId: 'B', mappings: [{ fieldName: 'limit', handlerKey: 'max' }] },
    })
    .build();
}

function histogram(spec: PanelSpec): Panel {
  return new BarGauge()
    .unit(spec.unit)
    .min(0)
    .reduceOptions(lastValue())
    .orientation(common.VizOrientation.Horizontal)
    .displayMode(common.BarGaugeDisplayMode.Basic)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Fixed).fixedColor('blue'))
    .build();
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
    .mappings([{ type: MappingType.ValueToText, options: { ...options } }])
    .showValue(common.VisibilityMode.Auto)
    .mergeValues(true)
    .rowHeight(0.8)
    .legend(legend())
    .tooltip(tooltip())
    .thresholds(thresholds(undefined))
    .dataLinks(dataLinks(spec))
    .build();
}

function table(spec: PanelSpec, { valueColumn }: LookOf<'table'>): Panel {
  const hidden = { Time: true, ...(valueColumn === undefined && { Value: true }) };
  const renamed = {
    __name__: 'Name',
    ...(valueColumn !== undefined && { Value: valueColumn, 'Value #A': valueColumn }),
  };
  const builder = new Table()
    .unit(spec.unit)
    .withTransformation({ id: 'organize', options: { excludeByName: hidden, indexByName: {}, renameByName: renamed } });
  return noValue(builder, spec).build();
}

function logs({ oldestFirst }: LookOf<'logs'>): Panel {
  return new Logs()
    .showTime(true)
    .wrapLogMessage(true)
    .prettifyLogMessage(false)
    .enableLogDetails(true)
    .dedupStrategy(common.LogsDedupStrategy.None)
    .sortOrder(oldestFirst === true ? common.LogsSortOrder.Ascending : common.LogsSortOrder.Descending)
    .build();
}

/** What an empty panel says instead of "No data", where empty is good. */
function noValue<B extends { noValue: (text: string) => B }>(builder: B, { emptyWhenWell }: PanelSpec): B {
  return emptyWhenWell === undefined ? builder : builder.noValue('none');
}

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

/** From a series of a pod to the lines of that pod, at the same time. */
function dataLinks({ byPod }: PanelSpec): DashboardLinkBuilder[] {
  if (byPod !== true) return [];
  const url = `/d/${UIDS.logs}?var-pod=\${__field.labels.pod}&\${loki_datasource:queryparam}&\${__url_time_range}`;
  return [new DashboardLinkBuilder('Logs of ${__field.labels.pod}').url(url)];
}
