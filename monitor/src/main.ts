import { fstatSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { ClusterWatch } from './cluster-watch.ts';
import { JsonWriter } from './json-writer.ts';
import { LocalWatch } from './local-watch.ts';
import { parseOptions, usage, UsageError, type ExitStatus, type Settings } from './options.ts';
import { Report } from './report.ts';
import { CannotWatchError } from './cannot-watch.ts';
import type { Ending } from './summary.ts';
import { TextWriter } from './text-writer.ts';
import { aborted } from './waiting.ts';

/** Bound on the last look at everything. */
const LAST_LOOK_MS = 8000;

process.exitCode = await main();
// Streams that are still open (standard input, a request on its way) must not keep the process.
process.exit();

/** Steps: read the command line, watch until the time is over or a signal comes, print the summary. */
async function main(): Promise<ExitStatus> {
  let settings: Settings | 'help';
  try {
    settings = parseOptions(process.argv.slice(2), { env: process.env, stdinPiped: isPiped(0) });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`monitor: ${error.message}\n`);
    return 2;
  }
  if (settings === 'help') {
    print(usage().trimEnd());
    return 0;
  }
  return watch(settings);
}

async function watch(settings: Settings): Promise<ExitStatus> {
  const colours = process.stdout.isTTY && !process.env['NO_COLOR'];
  const report = new Report(settings.json ? new JsonWriter(print) : new TextWriter(print, colours));
  const ending = Promise.withResolvers<Ending>();
  const over = new AbortController();
  endBySignals(ending.resolve);
  if (settings.seconds < Infinity) setTimeout(ending.resolve, settings.seconds * 1000, 'time');
  void ending.promise.then(() => {
    over.abort();
  });
  try {
    await Promise.race([watchTarget(settings, report, over.signal), overdue(over.signal)]);
  } catch (error) {
    if (!(error instanceof CannotWatchError)) throw error;
    report.coverage.lost(error.part, error.message);
    ending.resolve('impossible');
  }
  return report.finish(await ending.promise).exitStatus;
}

async function watchTarget(settings: Settings, report: Report, signal: AbortSignal): Promise<void> {
  const { target } = settings;
  // A program that pipes its output here must not be held up, whether it is listened to or not.
  if (isPiped(0)) process.stdin.resume();
  if (target.mode === 'local') await new LocalWatch(target, settings, report).run(signal, process.stdin);
  else await new ClusterWatch(target, settings, report).run(signal);
}

/** Whatever hangs after the watch is over: the summary comes. */
async function overdue(signal: AbortSignal): Promise<void> {
  await aborted(signal);
  await delay(LAST_LOOK_MS, undefined, { ref: false });
}

/** The first signal ends the watch with its summary; the second ends the process at once. */
function endBySignals(end: (ending: Ending) => void): void {
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const) {
    process.once(signal, () => {
      end('interrupted');
      process.once(signal, () => process.exit(128 + number));
    });
  }
}

/** Prints a line, whole and at once: the end of the process must not cut it. */
function print(line: string): void {
  let rest = Buffer.from(`${line}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Whoever read the output is gone (`| head`): there is no one to watch for.
      if (code === 'EPIPE') process.exit(2);
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/** Standard input is a pipe, a file or a socket: not a terminal, not /dev/null, not closed. */
function isPiped(fd: number): boolean {
  try {
    const input = fstatSync(fd);
    return input.isFIFO() || input.isFile() || input.isSocket();
  } catch {
    return false;
  }
}
