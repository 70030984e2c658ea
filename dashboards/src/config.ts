import type { DataSourceRef } from '@grafana/grafana-foundation-sdk/common';

/** Stable ids, which links are made with. The chart adds the release to those of a Grafana that others use, too. */
export const UIDS = { overview: 'websocket-overview', logs: 'websocket-logs' } as const;

/** Titles, as the observability guide has them. */
export const TITLES = { overview: 'WebSocket Overview', logs: 'WebSocket Logs' } as const;

/** The tag by which people find the dashboards. */
export const TAG = 'websocket';

/** The data source that the reader picks, by the variable that holds it. */
export const PROMETHEUS: DataSourceRef = { type: 'prometheus', uid: '${prometheus_datasource}' };
export const LOKI: DataSourceRef = { type: 'loki', uid: '${loki_datasource}' };

/** The time that is shown at first, and how often it is read again. */
export const TIME = { from: 'now-1h', to: 'now' } as const;
export const REFRESH = '30s';

/**
 * What "All" stands for of the pods alone. The other variables say all that they list, so that nothing of other services is
 * shown; a pod that never answered a scrape or crashes at its start is in no list, and has to be seen.
 */
export const ALL_PODS = '.*';

/**
 * Smallest step of heatmaps, bars and marks: their window is the step, so that windows neither overlap nor leave gaps, and
 * Grafana makes it four scrape intervals at least (grafana/grafana pkg/promlib/models/query.go). What is between the last sample
 * of a window and the first of the next one is extrapolated: the error that stays is a quarter of a bar at most, and none while
 * traffic is even.
 */
export const WINDOW = '$__rate_interval';

/** What a link to a dashboard keeps: every variable but the pod, and the time. */
export const KEPT = [
  ...['prometheus_datasource', 'loki_datasource', 'job', 'namespace', 'release'].map(
    (name) => `\${${name}:queryparam}`,
  ),
  '${__url_time_range}',
].join('&');
