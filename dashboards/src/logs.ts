import { LOG_LEVELS } from '../../service/src/log/events.ts';
import { ALL, SOME, TITLES, UIDS } from './config.ts';
import {
  assemble,
  datasourceVariable,
  levelVariable,
  lokiLabelVariable,
  targetVariables,
  textVariable,
  type DashboardJson,
  type Head,
} from './dashboard.ts';
import type { RowSpec } from './panel.ts';
import { ALL_LINES, ERROR_ANALYSIS, LOG_VOLUME, SESSION_TRACKING } from './panels/logs.ts';

/** Where panels stand, in the order of the observability guide. */
export const LOGS_ROWS: readonly RowSpec[] = [
  { title: 'Log volume', panels: LOG_VOLUME },
  { title: 'Error analysis', panels: ERROR_ANALYSIS },
  { title: 'Session tracking', panels: SESSION_TRACKING },
  { title: 'Lines', panels: ALL_LINES },
];

/** The dashboard of the logs. */
export function logs(): DashboardJson {
  const head: Head = {
    title: TITLES.logs,
    uid: UIDS.logs,
    description: 'Log volume, error analysis and the story of single sessions of the WebSocket message counter.',
    variables: [
      datasourceVariable('loki'),
      datasourceVariable('prometheus'),
      lokiLabelVariable('service', SOME),
      lokiLabelVariable('environment', ALL),
      ...targetVariables(),
      levelVariable(LOG_LEVELS),
      textVariable('session', 'Session (type its id)'),
      textVariable('search', 'Search'),
    ],
  };
  return assemble(head, LOGS_ROWS);
}
