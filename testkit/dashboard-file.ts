import { readFileSync } from 'node:fs';

/** As much of a dashboard's JSON as the tests look at. */
export interface DashboardFile {
  readonly title: string;
  readonly uid: string;
  readonly editable: boolean;
  readonly tags: readonly string[];
  readonly links: readonly {
    readonly url: string;
    readonly keepTime: boolean;
    readonly includeVars: boolean;
  }[];
  readonly templating: { readonly list: readonly VariableFile[] };
  readonly annotations: { readonly list: readonly AnnotationFile[] };
  /** Rows that are collapsed hold their panels: see {@link panelsOf}. */
  readonly panels: readonly PanelFile[];
}

/** Marks in the graphs. */
export interface AnnotationFile {
  readonly name: string;
  readonly expr: string;
  readonly step: string;
  readonly enable: boolean;
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
    readonly defaults: FieldFile;
    readonly overrides: readonly {
      readonly matcher: { readonly id: string; readonly options: string };
      readonly properties: readonly { readonly id: string; readonly value: unknown }[];
    }[];
  };
  readonly options?: {
    readonly legend?: { readonly showLegend: boolean; readonly placement: string };
    readonly textMode?: string;
    readonly sortBy?: readonly { readonly displayName: string; readonly desc: boolean }[];
  };
  readonly transformations?: readonly { readonly id: string; readonly options: unknown }[];
  /** Of a row: whether it is closed, and its panels if it is. */
  readonly collapsed?: boolean;
  readonly panels?: readonly PanelFile[];
  readonly targets: readonly {
    readonly refId: string;
    readonly expr: string;
    readonly legendFormat: string;
    readonly datasource: { readonly type: string; readonly uid: string };
    /** Smallest step. */
    readonly interval?: string;
    readonly direction?: string;
  }[];
}

/** What all fields of a panel have. */
export interface FieldFile {
  readonly unit?: string;
  readonly min?: number;
  readonly noValue?: string;
  readonly links?: readonly { readonly url: string }[];
  readonly custom?: { readonly drawStyle?: string; readonly scaleDistribution?: { readonly type: string } };
}

/** The panels of a dashboard, those of collapsed rows too, without the headings. */
export function panelsOf({ panels }: Pick<DashboardFile, 'panels'>): PanelFile[] {
  return panels.flatMap((panel) => (panel.type === 'row' ? (panel.panels ?? []) : [panel]));
}

/** The committed dashboards: overview, then logs. */
export function readDashboards(): DashboardFile[] {
  return ['websocket-overview.json', 'websocket-logs.json'].map(
    (name) => JSON.parse(readFileSync(new URL(`../dashboards/${name}`, import.meta.url), 'utf8')) as DashboardFile,
  );
}
