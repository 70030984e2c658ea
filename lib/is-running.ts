import type { ChildProcess } from 'node:child_process';

/** Whether a child process has not ended, by itself or by a signal. */
export function isRunning({ exitCode, signalCode }: Pick<ChildProcess, 'exitCode' | 'signalCode'>): boolean {
  return exitCode === null && signalCode === null;
}
