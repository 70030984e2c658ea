import { TITLES, UIDS } from './config.ts';
import { assemble, datasourceVariable, targetVariables, type DashboardJson, type Head } from './dashboard.ts';
import type { RowSpec } from './panel.ts';
import { DRAINS } from './panels/drains.ts';
import { ERRORS } from './panels/errors.ts';
import { HEALTH } from './panels/health.ts';
import { KEY } from './panels/key.ts';
import { LATENCY } from './panels/latency.ts';
import { LOG_PATH } from './panels/log-path.ts';
import { SATURATION } from './panels/saturation.ts';
import { STORE } from './panels/store.ts';
import { TRAFFIC } from './panels/traffic.ts';

/** Where panels stand: the guide's four on top, then what one asks, in the order in which one asks it. */
export const OVERVIEW_ROWS: readonly RowSpec[] = [
  { title: '', panels: KEY },
  { title: 'Is it healthy?', panels: HEALTH },
  { title: 'Traffic', panels: TRAFFIC },
  { title: 'Errors', panels: ERRORS },
  { title: 'Latency', panels: LATENCY },
  { title: 'Saturation', panels: SATURATION },
  { title: 'Rollouts and drains', panels: DRAINS },
  { title: 'Session store', panels: STORE },
  { title: 'Log path', panels: LOG_PATH },
];

/** The dashboard of the metrics. */
export function overview(): DashboardJson {
  const head: Head = {
    title: TITLES.overview,
    uid: UIDS.overview,
    description:
      'Health, traffic, errors, latency, saturation, drains, session store and log path of the WebSocket message counter.',
    variables: [
      datasourceVariable('prometheus'),
      // Only for the links from pods to their lines.
      datasourceVariable('loki'),
      ...targetVariables(),
    ],
  };
  return assemble(head, OVERVIEW_ROWS);
}
