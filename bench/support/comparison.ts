import { figure, type Figure, type Target } from './bench.ts';

/** A quantity that contenders are compared by. */
export interface Measure {
  readonly name: string;
  readonly unit: string;
  /** Bounds on ratios to the baseline, by contender. */
  readonly ratioTargets?: Readonly<Record<string, Target>>;
  /** Bounds on the values themselves, by contender. */
  readonly targets?: Readonly<Record<string, Target>>;
}

/** Values of some measures of some contenders, a value a round; the ratios are of values of one round. */
export class Comparison {
  readonly #baseline: string;
  readonly #values = new Map<Measure, Map<string, number[]>>();

  /** @param baseline the contender that ratios are to */
  constructor(baseline: string) {
    this.#baseline = baseline;
  }

  /** Notes what a contender had in this round: one value a round, or NaN for what it never tells. */
  add(contender: string, measure: Measure, value: number): void {
    if (Number.isNaN(value)) return;
    const byContender = this.#values.get(measure) ?? new Map<string, number[]>();
    this.#values.set(measure, byContender);
    const values = byContender.get(contender) ?? [];
    byContender.set(contender, values);
    values.push(value);
  }

  /** Each value with its spread, and its ratio to the baseline with the spread of that. */
  figures(): Figure[] {
    return [...this.#values].flatMap(([measure, byContender]) => {
      const base = byContender.get(this.#baseline) ?? [];
      return [...byContender].flatMap(([contender, values]) => this.#rows(measure, contender, values, base));
    });
  }

  #rows(measure: Measure, contender: string, values: readonly number[], base: readonly number[]): Figure[] {
    const { name, unit, targets, ratioTargets } = measure;
    const named = { measure: name, contender };
    const own = { ...figure(`${name}, ${contender}`, unit, values, targets?.[contender]), ...named };
    // There is no ratio to nothing.
    if (contender === this.#baseline || base.length !== values.length || base.includes(0)) return [own];
    const ratios = values.map((value, round) => value / (base[round] ?? NaN));
    const label = `${name}, ${contender} / ${this.#baseline}`;
    return [own, { ...figure(label, '×', ratios, ratioTargets?.[contender]), ...named, baseline: this.#baseline }];
  }
}
