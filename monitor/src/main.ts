import { fstatSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { onInterrupt } from '../../lib/interrupt.ts';
import { redacted, redactedIn } from '../../lib/redaction.ts';
import { readSettings, watchesCluster, type ExitStatus, type Settings } from './command-line.ts';
import type { Ending } from './events.ts';
import { jsonLine } from './json-output.ts';
import { LocalWatch } from './local-watch.ts';
import { LogReader } from './log-reader.ts';
import { CannotWatchError, Report } from './report.ts';
import { textLines } from './text-output.ts';

/** Bound on the last look at everything. */
const LAST_LOOK_MS = 8000;

// Whoever read the output is gone (`| head`): there is no one to watch for.
process.stdout.on('error', () => process.exit(2));
process.on('uncaughtException', ({ message }) => {
  process.stderr.write(`monitor: ${redacted(message)}\n`);
  process.exit(2);
});
// Streams that are still open (standard input, a log that is followed) must not keep the process.
process.exit(await main());

/** Steps: read the command line, watch until the time is over or a signal comes, print the summary. */
async function main(): Promise<ExitStatus> {
  const settings = readSettings(process.argv.slice(2));
  const toText = settings.json ? jsonLine : textLines;
  const report = new Report((event) => {
    process.stdout.write(`${toText(redactedIn(event))}\n`);
  });
  const log = new LogReader(report, settings.warn);
  const over = new AbortController();
  const end = (ending: Ending): void => {
    over.abort(ending);
  };
  onInterrupt(() => {
    end('interrupted');
  });
  if (settings.seconds > 0) setTimeout(end, settings.seconds * 1000, 'time');
  // A program that pipes its output here must not be held up, whether it is listened to or not.
  const stdin = isPiped() ? process.stdin.resume() : undefined;
  try {
    const watch = watchesCluster(settings)
      ? watchCluster(settings, report, log, over.signal)
      : new LocalWatch(settings, report, log).run(over.signal, stdin);
    await Promise.race([watch, overdue(over.signal)]);
  } catch (error) {
    if (!(error instanceof CannotWatchError)) throw error;
    report.lost(error.part, error.message);
    end('impossible');
  }
  return report.finish(over.signal.reason as Ending);
}

/** Loads the Kubernetes library, which takes longer than all else, only where there is a cluster to watch. */
async function watchCluster(settings: Settings, report: Report, log: LogReader, signal: AbortSignal): Promise<void> {
  const { ClusterWatch } = await import('./cluster-watch.ts');
  await new ClusterWatch(settings, report, log).run(signal);
}

/** What hangs after the watch is over does not keep the summary from coming. */
async function overdue(signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => {
    signal.addEventListener('abort', resolve);
  });
  await pause(LAST_LOOK_MS);
}

/** Standard input is a pipe, a file or a socket: not a terminal, not /dev/null, not closed. */
function isPiped(): boolean {
  try {
    const input = fstatSync(0);
    return input.isFIFO() || input.isFile() || input.isSocket();
  } catch {
    return false;
  }
}
