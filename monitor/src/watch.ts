import { setTimeout as pause } from 'node:timers/promises';
import type { Readable } from 'node:stream';
import { redactedIn } from '../../lib/redaction.ts';
import { watchesCluster, type ExitStatus, type Settings } from './command-line.ts';
import type { Ending } from './events.ts';
import { jsonLine } from './json-output.ts';
import { LocalWatch } from './local-watch.ts';
import { LogReader } from './log-reader.ts';
import { CannotWatchError, Report } from './report.ts';
import { textLines } from './text-output.ts';

/** Bound on the last look at everything. */
const LAST_LOOK_MS = 8000;

/**
 * Watches what the settings say until it is over, and writes what it sees and the summary.
 * @param over ends the watch; its reason is an {@link Ending}
 * @param write receives what is printed, whole lines
 * @param stdin log of a local service, if it comes by a pipe
 */
export async function watch(
  settings: Settings,
  over: AbortSignal,
  write: (text: string) => void,
  stdin?: Readable,
): Promise<ExitStatus> {
  const toText = settings.json ? jsonLine : textLines;
  const report = new Report((event) => {
    write(`${toText(redactedIn(event))}\n`);
  });
  const log = new LogReader(report, settings.warn);
  const ended = new AbortController();
  try {
    const watching = watchesCluster(settings)
      ? watchCluster(settings, report, log, over)
      : new LocalWatch(settings, report, log).run(over, stdin);
    await Promise.race([watching, overdue(over, ended.signal)]);
  } catch (error) {
    if (!(error instanceof CannotWatchError)) throw error;
    report.lost(error.part, error.message);
  } finally {
    ended.abort();
  }
  return report.finish(over.aborted ? (over.reason as Ending) : 'impossible');
}

/** Loads the Kubernetes library, which takes longer than all else, only where there is a cluster to watch. */
async function watchCluster(settings: Settings, report: Report, log: LogReader, signal: AbortSignal): Promise<void> {
  const { ClusterWatch } = await import('./cluster-watch.ts');
  await new ClusterWatch(settings, report, log).run(signal);
}

/** What hangs after the watch is over does not keep the summary from coming. */
async function overdue(over: AbortSignal, ended: AbortSignal): Promise<void> {
  await new Promise((resolve) => {
    over.addEventListener('abort', resolve);
  });
  await pause(LAST_LOOK_MS, undefined, { signal: ended }).catch(() => undefined);
}
