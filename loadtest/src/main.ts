#!/usr/bin/env node
/**
 * Runs the load test: the only place that reads the command line, hooks signals and exits. Exit statuses are in
 * options.ts.
 */
import '../../lib/node-version.ts';
import { onInterrupt } from '../../lib/interrupt.ts';
import { parseOptions } from './options.ts';
import { listScenarios } from './scenarios.ts';

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
const settings = parseOptions(process.argv.slice(2));
if (settings.listScenarios) process.stdout.write(listScenarios());
else {
  // Loaded once there is something to run: a wrong flag is answered in half the time.
  const { runAndReport } = await import('./run-and-report.ts');
  process.exitCode = await runAndReport(settings, process, stop.signal);
}
