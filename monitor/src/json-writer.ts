import type { MonitorEvent } from './events.ts';
import type { Writer } from './report.ts';

/** Prints each event as one JSON object, its time first; keys are in snake case, as in the service's log. */
export class JsonWriter implements Writer {
  readonly #print: (line: string) => void;

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  write(event: MonitorEvent, at: Date): void {
    this.#print(JSON.stringify({ time: at.toISOString(), ...(snakeCase(event) as object) }));
  }
}

/** Renames keys. The fields of a log line, and keys that are data, are in snake or upper case already or stay as they came. */
function snakeCase(value: unknown): unknown {
  if (value instanceof Date) return value.toISOString();
  // Three decimals are a millisecond, or a message in a quarter of an hour.
  if (typeof value === 'number') return Math.round(value * 1000) / 1000;
  if (Array.isArray(value)) return value.map(snakeCase);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) =>
      key === 'line' ? [key, child] : [key.replace(/[A-Z][a-z0-9]*/g, underscore), snakeCase(child)],
    ),
  );
}

function underscore(word: string, offset: number, whole: string): string {
  // `ERROR` in `by_level` is data, not camel case.
  if (whole === whole.toUpperCase()) return word;
  return `${offset === 0 ? '' : '_'}${word.toLowerCase()}`;
}
