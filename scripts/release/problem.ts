import { setTimeout as delay } from 'node:timers/promises';
import { onInterrupt, type Interrupt } from '../../lib/interrupt.ts';
import { ToolFailure } from '../chart/tools.ts';

/** How a full or broken disk is reported; a folder is copied with EIO. */
const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EIO', 'EROFS']);

/** Time for a signal to be noticed, in milliseconds: on a busy machine it comes later than the end of the tool. */
const NOTICE_MS = 100;

/** Why there is no release, in one sentence for a person: what was found, where, and what to do next. */
export class ReleaseProblem extends Error {
  override readonly name = 'ReleaseProblem';
}

/**
 * Runs a program of a release. A problem, a tool or a file that fails, or an interruption is printed as one line, status 1;
 * anything else is a fault of the program.
 * @param work gets what it calls between its steps: a signal is only noticed there, since tools are waited for synchronously
 */
export async function withProblems(
  name: string,
  work: (checkpoint: () => Promise<void>) => Promise<void> | void,
): Promise<void> {
  let interruption: Interrupt | undefined;
  // Ctrl-C ends the tool that runs, too; the work then ends as after any failure, and removes its folder.
  onInterrupt((signal) => {
    interruption = signal;
  });
  const isInterrupted = async (): Promise<boolean> => {
    await delay(NOTICE_MS);
    return interruption !== undefined;
  };
  const interrupted = 'it was interrupted, and what was half made is removed; run it again';
  try {
    await work(async () => {
      if (await isInterrupted()) throw new ReleaseProblem(interrupted);
    });
  } catch (error) {
    const problem = (await isInterrupted()) ? interrupted : problemIn(error);
    if (problem === undefined) throw error;
    console.error(`${name}: ${problem}`);
    process.exitCode = 1;
  }
}

function problemIn(error: unknown): string | undefined {
  if (error instanceof ReleaseProblem) return error.message;
  if (error instanceof ToolFailure) return error.summary;
  const { code, message } = error as NodeJS.ErrnoException;
  return code !== undefined && FULL.has(code)
    ? `a file can't be written (${message}); free some space, or name a folder that has it: TMPDIR=FOLDER`
    : undefined;
}
