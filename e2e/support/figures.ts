import { appendFileSync } from 'node:fs';

/** One line of the table that the suite ends with. */
export interface Figure {
  /** What was measured. */
  readonly name: string;
  /** The figure, and its unit if it has one, as it is printed. */
  readonly value: string;
  /** What it has to be, for people; a test of the suite holds it. */
  readonly bound?: string;
}

/** Variable with the path of the file that figures are gathered in, one JSON object a line. */
export const FIGURES_FILE = 'E2E_FIGURES';

/** Prints a figure, and keeps it for the table at the end. */
export function figure(name: string, value: string, bound?: string): void {
  const line: Figure = { name, value, ...(bound !== undefined && { bound }) };
  console.log(`    ${describeFigure(line)}`);
  const file = process.env[FIGURES_FILE];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(line)}\n`);
}

/** A figure as a line of text. */
export function describeFigure({ name, value, bound }: Figure, width = 0): string {
  return `${name.padEnd(width)}  ${value}${bound === undefined ? '' : `  (${bound})`}`;
}

/** Says what is going on, for one who watches. */
export function progress(text: string): void {
  console.log(`    … ${text}`);
}
