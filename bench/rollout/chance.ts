/** Numbers from 0 to below 1, the same for the same seed. */
export type Random = () => number;

/** Up to so many tries are made one by one. */
const FEW = 16;
/** From this variance on a binomial is as good as normal. */
const NORMAL_VARIANCE = 25;

/** How many of `tries` succeed that each do with probability `p`. */
export function binomial(tries: number, p: number, random: Random): number {
  if (p >= 1) return tries;
  if (p > 0.5) return tries - binomial(tries, 1 - p, random);
  if (tries <= FEW) return oneByOne(tries, p, random);
  if (tries * p * (1 - p) < NORMAL_VARIANCE) return byInversion(tries, p, random);
  const value = Math.round(tries * p + Math.sqrt(tries * p * (1 - p)) * normal(random));
  return Math.max(0, Math.min(tries, value));
}

/** Parts a number at random, each one by itself, by weights. The parts add up to it. */
export function partAtRandom(total: number, weights: readonly number[], random: Random): number[] {
  let weightLeft = weights.reduce((sum, weight) => sum + weight, 0);
  let left = total;
  return weights.map((weight) => {
    const part = left === 0 ? 0 : binomial(left, weight / weightLeft, random);
    weightLeft -= weight;
    left -= part;
    return part;
  });
}

function oneByOne(tries: number, p: number, random: Random): number {
  let successes = 0;
  for (let made = 0; made < tries; made += 1) if (random() < p) successes += 1;
  return successes;
}

/** Walks up the distribution until it has passed a number at random (Kachitvichyanukul and Schmeiser, BINV). */
function byInversion(tries: number, p: number, random: Random): number {
  const ratio = p / (1 - p);
  let probability = (1 - p) ** tries;
  let left = random();
  let value = 0;
  while (left > probability && value < tries) {
    left -= probability;
    value += 1;
    probability *= ratio * ((tries + 1) / value - 1);
  }
  return value;
}

/** A number of the standard normal distribution (Box and Muller). */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
