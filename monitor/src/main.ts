import { fstatSync } from 'node:fs';
import { onInterrupt } from '../../lib/interrupt.ts';
import { redacted } from '../../lib/redaction.ts';
import { readSettings, type ExitStatus } from './command-line.ts';
import type { Ending } from './events.ts';
import { watch } from './watch.ts';

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
  return watch(settings, over.signal, (text) => process.stdout.write(text), stdin);
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
