/** fast-check, with the seed and the length of this run. */
import fc from 'fast-check';
import { LONG, SEED } from './seed.ts';

fc.configureGlobal({ seed: SEED, numRuns: LONG ? 100_000 : 1000 });

export default fc;
