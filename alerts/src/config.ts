import { pageUrl } from '../../lib/repository.ts';

/** Value of the `job` label that the plain rule file reads. The chart puts in the name of the release's metrics Service. */
export const JOB = 'websocket-message-counter';

/** Where the runbooks are published; an alert's page is this, a slash, its name and `.md`. */
export const RUNBOOK_URL = pageUrl('alerts/runbooks');

/** Where Grafana is, for the links to the dashboard: by default what a port-forward to the chart's Grafana answers. */
export const GRAFANA_URL = 'http://localhost:3000';

/** Stable ids of the dashboards that alerts link to. */
export const DASHBOARD_UIDS = { overview: 'websocket-overview', logs: 'websocket-logs' } as const;

/** Prefix of the names of rule groups. */
export const GROUP = 'websocket-message-counter';
