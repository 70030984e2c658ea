import { setTimeout as delay } from 'node:timers/promises';

/** Processes that are stopped now: they go on when this one ends, whatever ends it. */
const stopped = new Set<number>();

process.on('exit', () => {
  for (const pid of stopped) signal(pid, 'SIGCONT');
});

/** Stops a process of this machine, sockets and all, as a hung node does. @returns lets it go on */
export function freeze(pid: number): () => void {
  stopped.add(pid);
  signal(pid, 'SIGSTOP');
  return () => {
    stopped.delete(pid);
    signal(pid, 'SIGCONT');
  };
}

/** How a process stutters, in milliseconds. */
export interface Stutter {
  readonly stoppedMs: number;
  readonly runningMs: number;
}

/** Stops a process again and again, so that all it does comes late. @returns ends that, and waits until it runs */
export function stutter(pid: number, { stoppedMs, runningMs }: Stutter): () => Promise<void> {
  const ending = new AbortController();
  const work = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      const thaw = freeze(pid);
      await delay(stoppedMs);
      thaw();
      await delay(runningMs);
    }
  };
  const done = work();
  return () => {
    ending.abort();
    return done;
  };
}

/** A process may have ended, as every process of a pod that was deleted has. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
