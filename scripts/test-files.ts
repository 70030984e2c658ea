/** Runs test files by node:test, prints what they print, and counts. */
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

/** How test files are run. */
export interface TestRun {
  /** Files that run at the same time. */
  readonly atOnce: number;
  /**
   * Longest a file may run, in milliseconds: one that hangs is a failure, not a wait. Default: ten minutes, since the
   * machine may be building something.
   */
  readonly timeoutMs?: number;
  /** Environment of their processes. Default: that of this one. */
  readonly env?: NodeJS.ProcessEnv;
  /** Files that share one process (scripts/test-together.ts), which begins first. Default: none. */
  readonly together?: readonly string[];
}

export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Seconds that each file took, start of its process included, the slowest first. */
  readonly seconds: readonly (readonly [file: string, seconds: number])[];
}

const TOGETHER = 'scripts/test-together.ts';

/** Runs each file in a process of its own, the first ones first, and beside them those that share one. */
export async function runTestFiles(
  alone: readonly string[],
  { atOnce, timeoutMs = 600_000, env = process.env, together = [] }: TestRun,
): Promise<Outcome> {
  const files = together.length > 0 ? [TOGETHER, ...alone] : alone;
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const seconds = new Map<string, number>();
  if (files.length === 0) return { ...counts, seconds: [] };
  const stream = run({
    files: [...files],
    concurrency: atOnce,
    timeout: timeoutMs,
    env: { ...env, TOGETHER: together.join(' ') },
  });
  stream.on('test:pass', ({ details, skip }) => {
    // Suites are not tests.
    if (details.type === 'suite') return;
    if (skip !== undefined && skip !== false) counts.skipped += 1;
    else counts.passed += 1;
  });
  stream.on('test:fail', ({ details }) => {
    if (details.type !== 'suite') counts.failed += 1;
  });
  // A hook can fail without a test that does, and a file before it has any.
  let success = true;
  stream.on('test:summary', (summary) => {
    success &&= summary.success;
  });
  stream.on('test:complete', ({ name, nesting, details }) => {
    // A file is reported as a test of its name.
    if (nesting === 0 && files.includes(name)) seconds.set(name, details.duration_ms / 1000);
  });
  for await (const chunk of stream.compose(spec)) process.stdout.write(chunk);
  if (!success && counts.failed === 0) counts.failed = 1;
  return { ...counts, seconds: [...seconds].sort(([, one], [, other]) => other - one) };
}
