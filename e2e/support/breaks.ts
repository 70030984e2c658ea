import { quantile } from '../../lib/quantile.ts';
import type { Break } from '../../loadtest/src/tally.ts';

/** What a set of breaks has in common. */
export interface BreakSummary {
  readonly count: number;
  /** How many with each close code. */
  readonly codes: Readonly<Record<string, number>>;
  /** How many without a bye. */
  readonly withoutBye: number;
  /** How many with each kind of refusal on the way back. */
  readonly refusals: Readonly<Record<string, number>>;
  /** How many are not back. */
  readonly away: number;
  /** Seconds from the close to being back, in ascending order. */
  readonly secondsAway: readonly number[];
  /** Seconds beyond the delay that the bye asked for, in ascending order; of those with a bye alone. */
  readonly secondsLate: readonly number[];
}

export function summarise(breaks: readonly Break[]): BreakSummary {
  const back = breaks.filter(({ reopenedAt }) => reopenedAt !== undefined);
  const away = (each: Break): number => ((each.reopenedAt ?? NaN) - each.closedAt) / 1000;
  return {
    count: breaks.length,
    codes: tally(breaks.map(({ code }) => String(code))),
    withoutBye: breaks.filter(({ retryAfterMs }) => retryAfterMs === undefined).length,
    refusals: tally(breaks.flatMap(({ refusals }) => refusals)),
    away: breaks.length - back.length,
    secondsAway: back.map(away).sort(ascending),
    secondsLate: back
      .filter(({ retryAfterMs }) => retryAfterMs !== undefined)
      .map((each) => away(each) - (each.retryAfterMs ?? 0) / 1000)
      .sort(ascending),
  };
}

/** What clients saw, in a line. */
export function describeBreaks(breaks: readonly Break[], clients: number): string {
  const { count, codes, refusals, away, secondsAway } = summarise(breaks);
  const back = `back after ${seconds(quantile(secondsAway, 0.5))} (median), ${seconds(quantile(secondsAway, 1))} (longest)`;
  return [
    `${count} closes for ${clients} clients`,
    `codes ${describeTally(codes)}`,
    back,
    `${away} not back`,
    `refused on the way: ${describeTally(refusals)}`,
  ].join('; ');
}

/** Parts breaks by time: a new group begins where no connection was closed for as long. */
export function groupByTime(breaks: readonly Break[], gapSeconds: number): readonly (readonly Break[])[] {
  const groups: Break[][] = [];
  let last = -Infinity;
  for (const each of [...breaks].sort((a, b) => a.closedAt - b.closedAt)) {
    if (each.closedAt - last > gapSeconds * 1000) groups.push([]);
    groups.at(-1)?.push(each);
    last = each.closedAt;
  }
  return groups;
}

/** Most of some moments (in milliseconds) that lie within one second, wherever it begins. */
export function mostInOneSecond(moments: readonly number[]): number {
  const sorted = [...moments].sort(ascending);
  let first = 0;
  let most = 0;
  sorted.forEach((moment, index) => {
    while ((sorted[first] ?? moment) <= moment - 1000) first += 1;
    most = Math.max(most, index - first + 1);
  });
  return most;
}

/** A number of seconds, to a hundredth. */
export function seconds(value: number): string {
  return Number.isNaN(value) ? 'never' : `${value.toFixed(2)} s`;
}

/** Counts by name, in a line: `1001: 300`. */
export function describeTally(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([name, count]) => `${name}: ${count}`);
  return parts.length === 0 ? 'none' : parts.join(', ');
}

function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function ascending(a: number, b: number): number {
  return a - b;
}
