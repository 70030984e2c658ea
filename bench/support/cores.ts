import { execFileSync, type ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

/** Who is kept to which cores: the server has the first, with all its threads; its clients and Loki have the others. */
export type CoresOf = 'server' | 'others';

const CORES = availableParallelism();
/** Whether there are cores to divide. */
export const DIVIDED = CORES > 1;
/** How the cores are divided, for the description of a measurement. */
export const DIVISION = DIVIDED
  ? 'the server kept to one core, client and Loki to the rest'
  : 'all on the only core there is';

const LISTS: Readonly<Record<CoresOf, string>> = { server: '0', others: `1-${CORES - 1}` };

/**
 * Keeps all threads of a process, and those they will start, to their cores (taskset(1)).
 *
 * On two cores, left to the scheduler, server, client and Loki take turns on both, and wait for each other for a slice or for the
 * next tick, 3 ms or 4: that is the scheduler's latency, not the server's. A pod with a CPU of its own has none of it. What a server
 * does in other threads it pays for: they share its core.
 */
export function keepTo(cores: CoresOf, pid: number | undefined): void {
  if (!DIVIDED || pid === undefined) return;
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', LISTS[cores], String(pid)], { stdio: 'ignore' });
}

/** The turns of a process that has a quarter of its core, as the kernel's quota of CPU time makes them. */
const RUNS_MS = 25;
const STANDS_MS = 75;

/**
 * Stops and continues a process in turn (SIGSTOP, SIGCONT), so that it has a quarter of its core: what a pod with a limit
 * of 250m has.
 * @returns gives it back the whole core
 */
export function keepToQuarter(child: ChildProcess): () => Promise<void> {
  let over = false;
  const turns = (async (): Promise<void> => {
    while (!over) {
      child.kill('SIGSTOP');
      await delay(STANDS_MS);
      child.kill('SIGCONT');
      await delay(RUNS_MS);
    }
  })();
  return () => {
    over = true;
    return turns;
  };
}
