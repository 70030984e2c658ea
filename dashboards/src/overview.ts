import { TITLES, UIDS } from './config.ts';
import { assemble, datasourceVariable, targetVariables, type DashboardJson, type Head } from './dashboard.ts';
import type { RowSpec } from './panel.ts';
import { DRAINS } from './panels/drains.ts';
import { ERRORS } from './panels/errors.ts';
import { HEALTH } from './panels/health.ts';
import { FIRST_SCREEN } from './panels/first-screen.ts';
import { LATENCY } from './panels/latency.ts';
import { LOG_PATH } from './panels/log-path.ts';
import { SATURATION } from './panels/saturation.ts';
import { STORE } from './panels/store.ts';
import { TRAFFIC } from './panels/traffic.ts';

/** Where panels stand: what tells at a glance whether all is well, then what one asks, in the order in which one asks it. */
export const OVERVIEW_ROWS: readonly RowSpec[] = [
  { title: '', panels: FIRST_SCREEN, open: true },
  { title: 'Since when?', panels: HEALTH },
  { title: 'Errors', panels: ERRORS },
  { title: 'Traffic', panels: TRAFFIC },
  { title: 'Latency', panels: LATENCY },
  { title: 'Saturation', panels: SATURATION },
  { title: 'Session store', panels: STORE },
  { title: 'Rollouts and drains', panels: DRAINS },
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
      // Only for the links to lines and to silences.
      datasourceVariable('loki'),
      datasourceVariable('alertmanager'),
      ...targetVariables(),
    ],
  };
  return assemble(head, OVERVIEW_ROWS);
}
