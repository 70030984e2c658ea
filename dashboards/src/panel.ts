import type { LOGQL } from './logql.ts';
import type { PROMQL } from './promql.ts';

/** A query of a panel. */
export interface PanelQuery {
  /** Name of the query in promql.ts or logql.ts. */
  readonly query: keyof typeof PROMQL | keyof typeof LOGQL;
  /**
   * Name of a series, with `{{label}}`; empty is Grafana's own. Of a pod's name the last part is shown. A series whose name
   * begins with `limit` is drawn as a limit: dashed, without an area.
   */
  readonly legend: string;
}

/** Text and colour of a value. */
export interface State {
  readonly text: string;
  readonly color: Colour;
}

/** A column of a table. */
export interface Column {
  /** Heading: one word where a link reads it. */
  readonly title: string;
  /** Columns of about 10 pixels; left out, it shares what is left. */
  readonly width?: number;
  readonly unit?: string;
  readonly decimals?: number;
  readonly thresholds?: readonly Threshold[];
  readonly states?: Readonly<Record<string, State>>;
  /** Values are names of pods: their last part is shown. */
  readonly isPod?: boolean;
  readonly links?: readonly Link[];
}

/** Where a click leads to. */
export interface Link {
  readonly title: string;
  readonly url: string;
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
  | {
      readonly kind: 'stat';
      readonly decimals?: number;
      /** Several values, each with its name. */
      readonly named?: boolean;
      /** What the values are a share of: thresholds are percent of it. */
      readonly maxFrom?: keyof typeof PROMQL;
      /** Thresholds of single values, by name. */
      readonly own?: Readonly<Record<string, readonly Threshold[]>>;
      /** What values of 0 and below read. */
      readonly exhausted?: string;
    }
  | { readonly kind: 'gauge'; readonly maxFrom: keyof typeof PROMQL }
  | { readonly kind: 'heatmap' }
  | { readonly kind: 'states'; readonly states: Readonly<Record<string, State>> }
  | {
      readonly kind: 'table';
      /** By field, in their order; fields that are left out are hidden, if they are a time or a value. */
      readonly columns: Readonly<Record<string, Column>>;
      readonly sort?: { readonly title: string; readonly descending: boolean };
    }
  | { readonly kind: 'logs'; readonly oldestFirst?: boolean };

/** Colours of Grafana's palette. */
export type Colour = 'green' | 'orange' | 'red' | 'dark-red' | 'blue' | 'purple' | 'gray' | 'text' | 'transparent';

/** A colour from a value on. The first has no value. */
export type Threshold = readonly [value: number | null, color: Colour];

/** A fixed colour of all series whose names match; several get shades of it. */
export type SeriesColour = readonly [pattern: string, colour: Colour];

/** A panel: what it asks, what good looks like, and how it looks. */
export interface PanelSpec {
  readonly title: string;
  /** What it shows, and what good looks like. */
  readonly description: string;
  /** A unit of {@link UNITS}. */
  readonly unit: string;
  readonly look: Look;
  readonly queries: readonly [PanelQuery, ...PanelQuery[]];
  readonly thresholds?: readonly Threshold[];
  readonly colours?: readonly SeriesColour[];
  /** Why it has no data while all is well, which is what it shows then. Without it a panel that is empty is a fault. */
  readonly emptyWhenWell?: string;
  /** Series have a pod: clicking on one leads to its log lines. */
  readonly byPod?: boolean;
  /** Columns, of 24, and rows of about 38 pixels. */
  readonly width: number;
  readonly height: number;
}

/** Panels under one heading. */
export interface RowSpec {
  readonly title: string;
  readonly panels: readonly PanelSpec[];
  /** Stands open; others open with a click, and ask nothing before. */
  readonly open?: boolean;
}

/** Units of Grafana, and what is counted a second. */
export const UNITS = {
  none: 'none',
  number: 'short',
  share: 'percentunit',
  bytes: 'bytes',
  bytesPerSecond: 'Bps',
  seconds: 's',
  cores: 'suffix:cores',
  times: 'suffix:×',
  messages: 'suffix:messages/s',
  errors: 'suffix:errors/s',
  connections: 'suffix:connections/s',
  handshakes: 'suffix:handshakes/s',
  lines: 'suffix:lines/s',
  tokens: 'suffix:tokens/s',
  operations: 'suffix:operations/s',
  pushes: 'suffix:pushes/s',
} as const;

/** Sizes that panels have in common. On a screen of 1280 × 720, the first one shows 14 rows. */
export const SIZE = {
  strip: { width: 3, height: 3 },
  wideStrip: { width: 4, height: 3 },
  key: { width: 6, height: 5 },
  quarter: { width: 6, height: 8 },
  third: { width: 8, height: 8 },
  half: { width: 12, height: 8 },
  full: { width: 24, height: 8 },
  tall: { width: 24, height: 14 },
} as const;

/** Colours that mean the same in every panel. */
export const LEVEL_COLOURS: readonly SeriesColour[] = [
  ['^CRITICAL$', 'purple'],
  ['^ERROR$', 'red'],
  ['^WARN$', 'orange'],
  ['^INFO$', 'green'],
  ['^DEBUG$', 'gray'],
];
