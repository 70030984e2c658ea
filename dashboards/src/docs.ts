import { code, markdownTable } from '../../lib/markdown-table.ts';
import { LOGQL } from './logql.ts';
import { LOGS_ROWS } from './logs.ts';
import { OVERVIEW_ROWS } from './overview.ts';
import type { PanelSpec, RowSpec } from './panel.ts';
import { PROMQL } from './promql.ts';

const QUERIES: Readonly<Record<string, string>> = { ...PROMQL, ...LOGQL };

/** Generated blocks of docs/dashboards.md: the panels of each dashboard, by row. */
export function dashboardBlocks(): Readonly<Record<string, string>> {
  return { overview: rowSections(OVERVIEW_ROWS), logs: rowSections(LOGS_ROWS) };
}

function rowSections(rows: readonly RowSpec[]): string {
  return rows
    .flatMap(({ title, panels }) => [`### ${title === '' ? 'At the top' : title}`, panelTable(panels)])
    .join('\n\n');
}

function panelTable(panels: readonly PanelSpec[]): string {
  return markdownTable(
    ['Panel', 'Shows', 'Queries'],
    panels.map((panel) => [
      panel.title,
      about(panel),
      panel.queries.map(({ query }) => code(QUERIES[query] ?? '')).join('<br>'),
    ]),
  );
}

function about({ description, emptyWhenWell }: PanelSpec): string {
  return emptyWhenWell === undefined ? description : `${description} Empty when all is well: ${emptyWhenWell}.`;
}
