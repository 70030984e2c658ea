/**
 * Random inputs of tests come from one seed: `npm test` always takes the same, so that what it says of a change is about the
 * change; `npm run test:long` takes one at random, with many more inputs, and prints it.
 */

/** Seed of this run. */
export const SEED = Number(process.env['TEST_SEED'] ?? 1);
/** Whether many inputs are to be tried. */
export const LONG = process.env['TEST_SEED'] !== undefined;

/** Numbers from 0 to 1 that a seed gives again (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
