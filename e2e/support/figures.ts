import { appendFileSync } from 'node:fs';

/** One line of the table that the suite ends with. */
export interface Figure {
  /** What was measured. */
  readonly name: string;
  /** The figure, and its unit if it has one, as it is printed. */
  readonly value: string;
  /** What it has to be, for people; a test of the suite holds it. */
  readonly bound?: string;
  /** The figure as a row of a table: cells by column. */
  readonly cells?: Readonly<Record<string, string>>;
}

/** What came of a case. */
export interface CaseResult {
  readonly name: string;
  /** Its tests. */
  readonly counts: { readonly passed: number; readonly failed: number; readonly skipped: number };
  readonly seconds: number;
  readonly figures: readonly Figure[];
}

/** Variable with the path of the file that figures are gathered in, one JSON object a line. */
export const FIGURES_FILE = 'E2E_FIGURES';

/** Prints a figure, and keeps it for the table at the end. */
export function figure(name: string, value: string, bound?: string): void {
  keep({ name, value, ...(bound !== undefined && { bound }) });
}

/** Prints a row, and keeps it for the table of all rows at the end. Its first cell is its name. */
export function row(cells: Readonly<Record<string, string>>): void {
  const [[, name] = ['', ''], ...others] = Object.entries(cells);
  keep({ name, value: others.map(([column, cell]) => `${column} ${cell}`).join(', '), cells });
}

/** The rows among some figures as a Markdown table. Its columns are those of the first. */
export function tableOf(figures: readonly Figure[]): string {
  const rows = figures.flatMap(({ cells }) => (cells === undefined ? [] : [cells]));
  const columns = Object.keys(rows[0] ?? {});
  const lines = [
    columns,
    columns.map(() => '---'),
    ...rows.map((cells) => columns.map((column) => cells[column] ?? '')),
  ];
  return lines.map((line) => `| ${line.join(' | ')} |`).join('\n');
}

function keep(figure: Figure): void {
  console.log(`    ${describeFigure(figure)}`);
  const file = process.env[FIGURES_FILE];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(figure)}\n`);
}

/** A figure as a line of text. */
export function describeFigure({ name, value, bound }: Figure, width = 0): string {
  return `${name.padEnd(width)}  ${value}${bound === undefined ? '' : `  (${bound})`}`;
}

/** Says what is going on, for one who watches. */
export function progress(text: string): void {
  console.log(`    … ${text}`);
}
