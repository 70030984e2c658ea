import { LOG_LEVELS } from '../../service/src/log/events.ts';
import { TITLES, UIDS } from './config.ts';
import {
  assemble,
  choiceVariable,
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
  { title: 'Log volume', panels: LOG_VOLUME, open: true },
  { title: 'Error analysis', panels: ERROR_ANALYSIS, open: true },
  { title: 'Session tracking', panels: SESSION_TRACKING, open: true },
  { title: 'Lines', panels: ALL_LINES, open: true },
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
      ...targetVariables(),
      lokiLabelVariable('service', 'websocket-message-counter'),
      lokiLabelVariable('environment'),
      levelVariable(LOG_LEVELS),
      textVariable('session', 'Session (type its id)'),
      choiceVariable('messages', 'Messages of the session', { shown: '^$', folded: 'websocket_message_.+' }),
      textVariable('search', 'Search'),
    ],
  };
  return assemble(head, LOGS_ROWS);
}
