import { readFileSync } from 'node:fs';

/** As much of a dashboard's JSON as the tests look at. */
export interface DashboardFile {
  readonly title: string;
  readonly uid: string;
  readonly editable: boolean;
  readonly tags: readonly string[];
  readonly links: readonly {
    readonly tags: readonly string[];
    readonly keepTime: boolean;
    readonly includeVars: boolean;
  }[];
  readonly templating: { readonly list: readonly VariableFile[] };
  readonly annotations: { readonly list: readonly { readonly name: string; readonly expr: string }[] };
  readonly panels: readonly PanelFile[];
}

/** A variable. */
export interface VariableFile {
  readonly name: string;
  readonly type: string;
  readonly label?: string;
  readonly query?: unknown;
  readonly definition?: string;
  readonly datasource?: { readonly type: string };
  readonly refresh?: number;
  readonly multi?: boolean;
  readonly includeAll?: boolean;
  readonly allValue?: string;
}

/** A panel, or a row's heading. */
export interface PanelFile {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description: string;
  readonly datasource: { readonly type: string; readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly fieldConfig: {
    readonly defaults: { readonly unit?: string; readonly links?: readonly { readonly url: string }[] };
  };
  readonly targets: readonly {
    readonly refId: string;
    readonly expr: string;
    readonly legendFormat: string;
    readonly datasource: { readonly type: string; readonly uid: string };
  }[];
}

/** The committed dashboards: overview, then logs. */
export function readDashboards(): DashboardFile[] {
  return ['websocket-overview.json', 'websocket-logs.json'].map(
    (name) => JSON.parse(readFileSync(new URL(`../dashboards/${name}`, import.meta.url), 'utf8')) as DashboardFile,
  );
}
