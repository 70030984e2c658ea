/** Seconds in the units of Prometheus (documentation, "Querying basics"). */
const UNITS: Readonly<Record<string, number>> = {
  ms: 0.001,
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
  y: 31_536_000,
};

/**
 * A duration as Prometheus writes it, in seconds.
 * @throws {RangeError} if it is none
 */
export function seconds(duration: string): number {
  const parts = [...duration.matchAll(/(\d+)(ms|[smhdwy])/g)];
  if (parts.map(([text]) => text).join('') !== duration || parts.length === 0)
    throw new RangeError(`${JSON.stringify(duration)} is no duration such as 90s, 5m or 1h30m`);
  return parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (UNITS[unit] ?? NaN), 0);
}
