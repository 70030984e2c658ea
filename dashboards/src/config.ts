import type { DataSourceRef } from '@grafana/grafana-foundation-sdk/common';

/** Stable ids, which links are made with. */
export const UIDS = { overview: 'websocket-overview', logs: 'websocket-logs' } as const;

/** Titles, as the observability guide has them. */
export const TITLES = { overview: 'WebSocket Overview', logs: 'WebSocket Logs' } as const;

/** The tag by which the dashboards find each other. */
export const TAG = 'websocket';

/** The data source that the reader picks, by the variable that holds it. */
export const PROMETHEUS: DataSourceRef = { type: 'prometheus', uid: '${prometheus_datasource}' };
export const LOKI: DataSourceRef = { type: 'loki', uid: '${loki_datasource}' };

/** The time that is shown at first, and how often it is read again. */
export const TIME = { from: 'now-1h', to: 'now' } as const;
export const REFRESH = '30s';

/**
 * What "All" stands for. Not `.+`: outside Kubernetes series have no namespace, release and pod, and lines of a collector may
 * have no pod; those are to be shown too.
 */
export const ALL = '.*';

/** The same for a label that Loki needs a value of: a selector that also matches nothing is refused. */
export const SOME = '.+';

/** Columns of a Grafana dashboard. */
export const COLUMNS = 24;
