/** One benchmark: what it measures, and how it is run. */
export interface Bench {
  /** What one types after `npm run bench --`. */
  readonly name: string;
  /** What it measures, and its target, in a sentence. */
  readonly summary: string;
  /** Rounds when `--rounds` is not given. */
  readonly rounds: number;
  run(options: BenchOptions): Promise<BenchResult>;
}

/** What every benchmark may be told. */
export interface BenchOptions {
  readonly rounds: number;
  /** Sockets, where the benchmark opens many. */
  readonly sockets: number;
  /** The servers to compare, where it compares several. */
  readonly servers: readonly string[];
}

/** The servers that are compared: the service, the bare `ws` server, and others of its trade. */
export const SERVERS = ['bare', 'service', 'socket.io', 'channels', 'centrifugo'] as const;

/** What a benchmark found. */
export interface BenchResult {
  readonly figures: readonly Figure[];
  /** What was wrong rather than slow: a wrong count, a connection cut. Empty when all was right. */
  readonly faults: readonly string[];
  /** How it was measured, for the reader of the figures. */
  readonly method: string;
}

/** One figure with its spread. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  /** The median of the rounds. */
  readonly value: number;
  /** Least and most of the rounds. */
  readonly spread?: readonly [number, number];
  /** What it should be, for people; only beside `met`. */
  readonly target?: string;
  /** Whether the target is met. A missed one is reported and never fails a build: timing is the machine's, too. */
  readonly met?: boolean;
  /** Where contenders are compared: by what, whose figure it is, and whom a ratio is to. */
  readonly measure?: string;
  readonly contender?: string;
  readonly baseline?: string;
}

/** The median of some values and their spread, as a figure. */
export function figure(name: string, unit: string, values: readonly number[], target?: Target): Figure {
  const value = median(values);
  return {
    name,
    unit,
    value,
    spread: [Math.min(...values), Math.max(...values)],
    ...(target !== undefined && { target: describeTarget(target), met: meets(value, target) }),
  };
}

/** A bound that a figure should keep. */
export type Target =
  | { readonly below: number }
  | { readonly atMost: number }
  | { readonly atLeast: number }
  | { readonly exactly: number };

/** The value in the middle; the mean of the two in the middle if they are even in number. NaN if there are none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** The result as lines for a terminal. */
export function describeResult(name: string, { figures, faults, method }: BenchResult): string {
  const width = Math.max(...figures.map((each) => each.name.length));
  const lines = figures.map(({ name: label, unit, value, spread, target, met }) => {
    const range =
      spread === undefined || spread[0] === spread[1]
        ? ''
        : `  [${shortNumber(spread[0])} to ${shortNumber(spread[1])}]`;
    const verdict = target === undefined ? '' : `  target ${target}: ${met === true ? 'met' : 'MISSED'}`;
    return `  ${label.padEnd(width)}  ${shortNumber(value).padStart(9)} ${unit}${range}${verdict}`;
  });
  const wrong = faults.length === 0 ? ['  nothing went wrong'] : faults.map((fault) => `  FAULT: ${fault}`);
  return [`${name}: ${method}`, ...lines, ...wrong].join('\n');
}

function describeTarget(target: Target): string {
  if ('below' in target) return `< ${target.below}`;
  if ('atLeast' in target) return `≥ ${target.atLeast}`;
  return 'atMost' in target ? `≤ ${target.atMost}` : `= ${target.exactly}`;
}

function meets(value: number, target: Target): boolean {
  if ('below' in target) return value < target.below;
  if ('atLeast' in target) return value >= target.atLeast;
  return 'atMost' in target ? value <= target.atMost : value === target.exactly;
}

/** Four digits at least, and no zeros that say nothing. */
export function shortNumber(value: number): string {
  return value.toLocaleString('en', {
    maximumSignificantDigits: 4,
    maximumFractionDigits: 0,
    roundingPriority: 'morePrecision',
  });
}
