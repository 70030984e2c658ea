import { writeFileSync } from 'node:fs';
import { redacted, redactedIn } from '../../lib/redaction.ts';
import { VERSION } from '../../lib/version.ts';
import { checkAssertion } from './asserts.ts';
import { WorkerLostError } from './fleet.ts';
import type { ExitStatus } from './options.ts';
import { Progress, type ProgressStream } from './progress.ts';
import { renderReport } from './report.ts';
import type { Result } from './result.ts';
import { run, type RunOutcome } from './run.ts';
import type { Settings } from './settings.ts';
import { summarize } from './summary.ts';
import { UsageError } from './usage-error.ts';
import { judge } from './verdict.ts';

/** Where a run writes. */
export interface Output {
  readonly stdout: ProgressStream;
  readonly stderr: ProgressStream;
}

/**
 * Makes one run, and writes its progress, its result and its report.
 * @param stop ends it early, in order
 */
export async function runAndReport(settings: Settings, output: Output, stop: AbortSignal): Promise<ExitStatus> {
  try {
    return await report(settings, output, stop);
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof WorkerLostError)) throw error;
    output.stderr.write(`${redacted(error.message)}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

async function report(settings: Settings, { stdout, stderr }: Output, stop: AbortSignal): Promise<ExitStatus> {
  const progress = new Progress(settings.json ? stderr : stdout, settings.sockets);
  let result: Result;
  try {
    result = redactedIn(resultOf(settings, await run(settings, progress, stop)));
  } finally {
    progress.end();
  }
  stdout.write(settings.json ? `${JSON.stringify(result, null, 2)}\n` : summarize(result));
  const written = settings.report === undefined || writeReport(settings, result, { stdout, stderr });
  if (!result.verdict.passed || !written) return 1;
  return result.interrupted ? 130 : 0;
}

function resultOf(settings: Settings, { outcome, timeline }: RunOutcome): Result {
  const assertions = settings.assert.map((assertion) => checkAssertion(assertion, outcome));
  return {
    schema: 1,
    version: VERSION,
    settings: settings.written,
    verdict: judge(outcome, assertions),
    assertions,
    ...outcome,
    timeline,
  };
}

/** The result is printed by then: a disk that is full takes no more than the page. @returns whether it is written */
function writeReport({ report: path = '', json }: Settings, result: Result, { stdout, stderr }: Output): boolean {
  try {
    writeFileSync(path, renderReport(result));
  } catch (error) {
    stderr.write(`--report ${JSON.stringify(path)} can not be written: ${(error as Error).message}.\n`);
    return false;
  }
  if (!json) stdout.write(`Report written to ${path}\n`);
  return true;
}
