import type { AssertionResult } from './asserts.ts';
import type { Outcome } from './outcome.ts';
import type { Sample } from './timeline.ts';

/** The whole result: what `--json` prints and the report shows. */
export interface Result extends Outcome {
  /** Version of this shape. */
  readonly schema: 1;
  /** Version of the load test. */
  readonly version: string;
  /** The flags in force, as one would write them. */
  readonly settings: Readonly<Record<string, string>>;
  readonly verdict: Verdict;
  readonly assertions: readonly AssertionResult[];
  readonly timeline: readonly Sample[];
}

/** Whether the run is good. */
export interface Verdict {
  readonly passed: boolean;
  /** Why it is not, a sentence each. */
  readonly failures: readonly string[];
  /** What to know when reading the figures, a sentence each. */
  readonly warnings: readonly string[];
}
