import type { LOGQL } from './logql.ts';
import type { PROMQL } from './promql.ts';

/** A query of a panel. */
export interface PanelQuery {
  /** Name of the query in promql.ts or logql.ts. */
  readonly query: keyof typeof PROMQL | keyof typeof LOGQL;
  /** Name of a series, with `{{label}}`; empty is Grafana's own. */
  readonly legend: string;
}

/** How a panel looks. */
export type Look =
  | {
      readonly kind: 'graph';
      readonly stacked?: boolean;
      readonly bars?: boolean;
      readonly max?: number;
      readonly logarithmic?: boolean;
    }
  | { readonly kind: 'stat'; readonly decimals?: number }
  | { readonly kind: 'gauge'; readonly maxFrom: keyof typeof PROMQL }
  | { readonly kind: 'histogram' }
  | { readonly kind: 'heatmap' }
  | {
      readonly kind: 'states';
      readonly states: Readonly<Record<string, { readonly text: string; readonly color: string }>>;
    }
  | { readonly kind: 'table'; readonly valueColumn?: string }
  | { readonly kind: 'logs'; readonly oldestFirst?: boolean };

/** A colour from a value on. The first has no value. */
export type Threshold = readonly [value: number | null, color: 'green' | 'orange' | 'red' | 'blue' | 'transparent'];

/** A panel: what it asks, what good looks like, and how it looks. */
export interface PanelSpec {
  readonly title: string;
  /** What it shows, and what good looks like. */
  readonly description: string;
  /** A unit of Grafana's, such as `s`, `bytes`, `percentunit`, `cps`. */
  readonly unit: string;
  readonly look: Look;
  readonly queries: readonly [PanelQuery, ...PanelQuery[]];
  readonly thresholds?: readonly Threshold[];
  /** Why it has no data while all is well. Without it a panel that is empty is a fault. */
  readonly emptyWhenWell?: string;
  /** Series have a pod: clicking on one leads to its log lines. */
  readonly byPod?: boolean;
  /** Columns, of 24, and rows of about 30 pixels. */
  readonly width: number;
  readonly height: number;
}

/** Panels under one heading. */
export interface RowSpec {
  readonly title: string;
  readonly panels: readonly PanelSpec[];
}

/** Sizes that panels have in common. */
export const SIZE = {
  quarter: { width: 6, height: 8 },
  third: { width: 8, height: 8 },
  half: { width: 12, height: 8 },
  full: { width: 24, height: 8 },
  tall: { width: 24, height: 14 },
  small: { width: 4, height: 4 },
} as const;
