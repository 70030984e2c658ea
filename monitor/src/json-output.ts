import type { MonitorEvent } from './events.ts';

/** An event as one JSON object, its time first; keys are in snake case, as in the service's log. */
export function jsonLine(event: MonitorEvent, at = new Date()): string {
  return JSON.stringify({ time: at, ...(snakeCase(event) as object) });
}

/** Renames keys. The fields of a log line and the names of levels stay as they are. */
function snakeCase(value: unknown): unknown {
  // Three decimals are a millisecond, or a message in a quarter of an hour.
  if (typeof value === 'number') return Math.round(value * 1000) / 1000;
  if (Array.isArray(value)) return value.map(snakeCase);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  const renamed = Object.entries(value).map(([key, child]): [string, unknown] =>
    key === 'line' ? [key, child] : [underscored(key), snakeCase(child)],
  );
  return Object.fromEntries(renamed);
}

function underscored(key: string): string {
  return key.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
