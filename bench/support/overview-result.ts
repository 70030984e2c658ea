import { shortNumber, type BenchResult, type Figure } from './bench.ts';

/** What one part found, and where. */
export interface PartReport extends BenchResult {
  readonly bench: string;
  readonly options: { readonly rounds: number; readonly sockets: number };
  readonly node: string;
  readonly cpu: string;
  readonly cpus: number;
}

/** What all parts found. */
export interface Overview {
  readonly at: string;
  /** One round with few sockets: for a look, not for a claim. */
  readonly quick: boolean;
  readonly parts: readonly PartReport[];
}

/** One measure of all contenders. */
export interface MeasureRow {
  readonly name: string;
  readonly unit: string;
  /** By contender. */
  readonly values: ReadonlyMap<string, Figure>;
  readonly ratios: ReadonlyMap<string, Figure>;
}

/** Measures that contenders are compared by, in the order in which they were found. */
export function measureRows({ figures }: BenchResult): MeasureRow[] {
  const names = [...new Set(figures.map(({ measure }) => measure).filter((name) => name !== undefined))];
  return names.map((name) => {
    const own = figures.filter(({ measure }) => measure === name);
    const byContender = (all: readonly Figure[]): ReadonlyMap<string, Figure> =>
      new Map(all.map((each) => [each.contender ?? '', each]));
    const values = byContender(own.filter(({ baseline }) => baseline === undefined));
    const ratios = byContender(own.filter(({ baseline }) => baseline !== undefined));
    return { name, unit: [...values.values()][0]?.unit ?? '', values, ratios };
  });
}

/** Figures that compare no contenders. */
export function plainFigures({ figures }: BenchResult): Figure[] {
  return figures.filter(({ measure }) => measure === undefined);
}

/** Contenders of a result, in the order in which they were run. */
export function contendersOf({ figures }: BenchResult): string[] {
  return [...new Set(figures.map(({ contender }) => contender).filter((name) => name !== undefined))];
}

/** A value with its spread: `15.2 (14.9 to 15.6)`. */
export function valueText({ value, spread }: Figure): string {
  if (spread === undefined || spread[0] === spread[1]) return shortNumber(value);
  return `${shortNumber(value)} (${shortNumber(spread[0])} to ${shortNumber(spread[1])})`;
}

/** A ratio with its spread, or that none is seen: `1.08× (1.05 to 1.11)`. */
export function ratioText({ value, spread }: Figure): string {
  // One round has no spread to show.
  if (spread === undefined || spread[0] === spread[1]) return `${value.toFixed(2)}×`;
  const range = `${spread[0].toFixed(2)} to ${spread[1].toFixed(2)}`;
  return spread[0] <= 1 && spread[1] >= 1 ? `no difference seen (${range})` : `${value.toFixed(2)}× (${range})`;
}

/** Every figure that has a target, the ones missed first. */
export function targetFigures({ parts }: Overview): Figure[] {
  const all = parts.flatMap(({ figures }) => figures).filter(({ target }) => target !== undefined);
  return all.toSorted((one, other) => Number(one.met) - Number(other.met));
}

/** The overview for a terminal: what the targets say. The parts have printed the rest. */
export function describeOverview(overview: Overview): string {
  const figures = targetFigures(overview);
  const width = Math.max(...figures.map(({ name }) => name.length));
  const lines = figures.map(
    (each) =>
      `  ${each.met === true ? 'met   ' : 'MISSED'}  ${each.name.padEnd(width)}  ${valueText(each)} ${each.unit}, target ${each.target ?? ''}`,
  );
  const machine = overview.parts[0];
  const note = overview.quick ? ' (quick: one round, few sockets; for a look, not for a claim)' : '';
  return [`Overview, Node.js ${machine?.node ?? ''}, ${machine?.cpus ?? 0} cores${note}`, ...lines].join('\n');
}
