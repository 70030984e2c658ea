/** Runs test files by node:test, prints what they print, and counts. */
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

/** Longest a test file may run, in milliseconds: one that hangs is a failure, not a wait. */
const FILE_TIMEOUT_MS = 300_000;

export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Seconds that each file took, start of its process included, the slowest first. */
  readonly seconds: readonly (readonly [file: string, seconds: number])[];
}

/** Runs each file in a process of its own, `atOnce` at a time, the first ones first. */
export async function runTestFiles(files: readonly string[], atOnce: number): Promise<Outcome> {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const seconds = new Map<string, number>();
  if (files.length === 0) return { ...counts, seconds: [] };
  const stream = run({ files: [...files], concurrency: atOnce, timeout: FILE_TIMEOUT_MS });
  stream.on('test:pass', ({ details, skip }) => {
    // Suites are not tests.
    if (details.type === 'suite') return;
    if (skip !== undefined && skip !== false) counts.skipped += 1;
    else counts.passed += 1;
  });
  stream.on('test:fail', ({ details }) => {
    if (details.type !== 'suite') counts.failed += 1;
  });
  stream.on('test:complete', ({ name, nesting, details }) => {
    // A file is reported as a test of its name.
    if (nesting === 0 && files.includes(name)) seconds.set(name, details.duration_ms / 1000);
  });
  for await (const chunk of stream.compose(spec)) process.stdout.write(chunk);
  return { ...counts, seconds: [...seconds].sort(([, one], [, other]) => other - one) };
}
