import { distance } from 'fastest-levenshtein';
import type { Outcome } from './outcome.ts';

/** One value that can be asserted. */
interface Assertable {
  readonly doc: string;
  /** `ms`: a time, written with us, ms or s. `%`: a count, or a share of what was tried. */
  readonly unit: 'ms' | 'count' | '%';
  /** The value; `undefined` if the run gave none. */
  readonly read: (outcome: Outcome) => number | null | undefined;
}

/** Everything that `--assert` knows, by name. */
export const ASSERTABLE = {
  p50: reply('p50', 'Half of the replies took no longer.'),
  p90: reply('p90', '90 % of the replies took no longer.'),
  p99: reply('p99', '99 % of the replies took no longer.'),
  'p99.9': reply('p99.9', '99.9 % of the replies took no longer.'),
  max: reply('max', 'The slowest reply.'),
  'connect-p50': connect('p50', 'Half of the connections took no longer to open.'),
  'connect-p99': connect('p99', '99 % of the connections took no longer to open.'),
  'connect-max': connect('max', 'The slowest connection.'),
  'away-p99': {
    doc: '99 % of the sessions that lost their connection had the next one within this time.',
    unit: 'ms',
    read: ({ latency }) => latency.away.p99,
  },
  'opened-in': {
    doc: 'Time from the start until every socket was open.',
    unit: 'ms',
    read: ({ sockets }) => sockets.openedAllAfterMs,
  },
  errors: {
    doc: 'Errors; with `%` their share of all attempts to connect and messages.',
    unit: '%',
    read: ({ errors }) => errors.total,
  },
  lost: { doc: 'Counts or messages lost.', unit: 'count', read: ({ counts }) => counts.lost },
  violations: {
    doc: 'Wrong counts, of any kind. A run with one fails in any case.',
    unit: 'count',
    read: ({ counts }) => counts.violations,
  },
  differences: {
    doc: 'Differences between what clients saw and the metrics; fails if they could not be compared.',
    unit: 'count',
    read: ({ metrics }) => (metrics.compared ? metrics.differences : undefined),
  },
  reconnects: {
    doc: 'Connections opened by sessions that had lost theirs.',
    unit: 'count',
    read: ({ sockets }) => sockets.reconnects,
  },
  'left-away': {
    doc: 'Sessions without a connection at the end.',
    unit: 'count',
    read: ({ sockets }) => sockets.leftAway,
  },
  open: { doc: 'Maximum number of sockets open at once.', unit: 'count', read: ({ sockets }) => sockets.peakOpen },
  messages: { doc: 'Messages answered.', unit: 'count', read: ({ messages }) => messages.replied },
  missed: {
    doc: 'Messages not sent, since their socket was not connected when they were due.',
    unit: 'count',
    read: ({ messages }) => messages.missed,
  },
  unanswered: {
    doc: 'Messages without an answer when their connection was lost.',
    unit: 'count',
    read: ({ messages }) => messages.unansweredAtDisconnect,
  },
  'loop-delay': {
    doc: "99 % of the load test's own timers were no later than this.",
    unit: 'ms',
    read: ({ client }) => client.loopDelayMs.p99,
  },
} as const satisfies Record<string, Assertable>;

/** A threshold that decides the exit status. */
export interface Assertion {
  /** As it was written. */
  readonly text: string;
  readonly name: keyof typeof ASSERTABLE;
  readonly operator: Operator;
  /** In milliseconds, percent or as a count. */
  readonly limit: number;
  readonly percent: boolean;
}

/** What became of an assertion. */
export interface AssertionResult {
  readonly assertion: string;
  readonly passed: boolean;
  /** The value that was found, for people. */
  readonly found: string;
}

type Operator = '<' | '<=' | '>' | '>=' | '=';

const SHAPE = /^\s*([a-z][a-z0-9.-]*)\s*(<=|>=|==|<|>|=)\s*(\d+(?:\.\d+)?)\s*(us|ms|s|%)?\s*$/;
const MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000 };

/**
 * Reads an assertion such as `p99<10ms`, `errors<0.1%` or `lost=0`.
 * @throws {RangeError} with the rule that was broken
 */
export function parseAssertion(text: string): Assertion {
  const [, name = '', operator = '', number = '', unit] = SHAPE.exec(text) ?? [];
  if (name === '')
    throw new RangeError('must be a name, one of < <= > >= = and a number, such as p99<10ms, errors<0.1% or lost=0');
  if (!isAssertable(name)) throw new RangeError(`has the unknown name ${name}${nearest(name)}`);
  const { unit: kind } = ASSERTABLE[name];
  if (kind === 'ms' && (unit === undefined || unit === '%'))
    throw new RangeError(`needs a time with us, ms or s, such as ${name}<10ms`);
  if (kind !== 'ms' && unit !== undefined && !(kind === '%' && unit === '%'))
    throw new RangeError(`needs a ${kind === '%' ? 'number or a percentage' : 'plain number'}: ${name} is no time`);
  return {
    text: text.trim(),
    name,
    operator: (operator === '==' ? '=' : operator) as Operator,
    limit: Number(number) * (MS[unit ?? ''] ?? 1),
    percent: unit === '%',
  };
}

/** Holds an assertion against a run. */
export function checkAssertion(assertion: Assertion, outcome: Outcome): AssertionResult {
  const { name, operator, limit, percent, text } = assertion;
  const { unit, read }: Assertable = ASSERTABLE[name];
  const value = percent ? outcome.errors.ratio * 100 : read(outcome);
  if (value === undefined || value === null) return { assertion: text, passed: false, found: 'no value' };
  const shown = percent ? `${round(value)} %` : unit === 'ms' ? `${round(value)} ms` : String(value);
  return { assertion: text, passed: holds(value, operator, limit), found: shown };
}

function holds(value: number, operator: Operator, limit: number): boolean {
  switch (operator) {
    case '<':
      return value < limit;
    case '<=':
      return value <= limit;
    case '>':
      return value > limit;
    case '>=':
      return value >= limit;
    case '=':
      return value === limit;
  }
}

type QuantileName = 'p50' | 'p90' | 'p99' | 'p99.9' | 'max';

function reply(quantile: QuantileName, doc: string): Assertable {
  return { doc, unit: 'ms', read: ({ latency }) => latency.reply[quantile] };
}

function connect(quantile: QuantileName, doc: string): Assertable {
  return { doc, unit: 'ms', read: ({ latency }) => latency.connect[quantile] };
}

function isAssertable(name: string): name is keyof typeof ASSERTABLE {
  return Object.hasOwn(ASSERTABLE, name);
}

function nearest(name: string): string {
  const names = Object.keys(ASSERTABLE);
  const [best = ''] = names.toSorted((a, b) => distance(a, name) - distance(b, name));
  return distance(best, name) <= 2 ? `: did you mean ${best}?` : `; the names are ${names.join(', ')}`;
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
