#!/usr/bin/env node
/**
 * Runs the load test: the only place that reads the command line, hooks signals and exits. Exit statuses are in
 * options.ts.
 */
import '../../lib/node-version.ts';
import { writeFileSync } from 'node:fs';
import { onInterrupt } from '../../lib/interrupt.ts';
import { redacted, redactedIn } from '../../lib/redaction.ts';
import { VERSION } from '../../lib/version.ts';
import { checkAssertion } from './asserts.ts';
import { WorkerLostError } from './fleet.ts';
import { parseOptions, type ExitStatus } from './options.ts';
import { Progress } from './progress.ts';
import { renderReport } from './report.ts';
import type { Result } from './result.ts';
import { run, type RunOutcome } from './run.ts';
import { listScenarios } from './scenarios.ts';
import type { Settings } from './settings.ts';
import { summarize } from './summary.ts';
import { UsageError } from './usage-error.ts';
import { judge } from './verdict.ts';

const stop = new AbortController();
// The first signal ends the run in order, with its report; a second one ends the process.
onInterrupt(
  () => {
    stop.abort();
  },
  () => process.exit(130),
);
// A reader of our output that goes away, such as head, must not end the run with a stack trace.
process.stdout.on('error', () => undefined);
process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<ExitStatus> {
  const settings = parseOptions(args);
  if (settings.listScenarios) {
    process.stdout.write(listScenarios());
    return 0;
  }
  try {
    return await runAndReport(settings);
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof WorkerLostError)) throw error;
    process.stderr.write(`${redacted(error.message)}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

async function runAndReport(settings: Settings): Promise<ExitStatus> {
  const progress = new Progress(settings.json ? process.stderr : process.stdout, settings.sockets);
  let result: Result;
  try {
    result = redactedIn(resultOf(settings, await run(settings, progress, stop.signal)));
  } finally {
    progress.end();
  }
  process.stdout.write(settings.json ? `${JSON.stringify(result, null, 2)}\n` : summarize(result));
  const written = settings.report === undefined || writeReport(settings.report, result, settings.json);
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
function writeReport(path: string, result: Result, json: boolean): boolean {
  try {
    writeFileSync(path, renderReport(result));
  } catch (error) {
    process.stderr.write(`--report ${JSON.stringify(path)} can not be written: ${(error as Error).message}.\n`);
    return false;
  }
  if (!json) process.stdout.write(`Report written to ${path}\n`);
  return true;
}
