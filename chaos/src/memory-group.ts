import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Undo } from './undo.ts';

/** Control groups that limit memory: of version 1, and else of version 2 (docs.kernel.org, "Memory Resource Controller"). */
const VERSION_1 = '/sys/fs/cgroup/memory';
const { root, limit, used, none } = existsSync(VERSION_1)
  ? { root: VERSION_1, limit: 'memory.limit_in_bytes', used: 'memory.usage_in_bytes', none: '-1' }
  : { root: '/sys/fs/cgroup', limit: 'memory.max', used: 'memory.current', none: 'max' };
const PREFIX = 'wmc-chaos-';
/** What a process may take besides what it has. */
const MORE_BYTES = 2 ** 20;

/** Why memory can't be limited on this machine. */
export function memoryObstacle(): string | undefined {
  const folder = join(root, `${PREFIX}${process.pid}`);
  try {
    mkdirSync(folder);
  } catch (error) {
    return (error as Error).message;
  }
  const works = existsSync(join(folder, limit));
  rmdirSync(folder);
  return works ? undefined : `${root} has no ${limit}`;
}

/** Removes the groups of processes that have ended. */
export function removeOldGroups(): void {
  for (const name of readdirSync(root).filter((each) => each.startsWith(PREFIX)))
    try {
      rmdirSync(join(root, name));
    } catch {
      // It still has a process.
    }
}

/** Lets the kernel kill a process that takes another {@link MORE_BYTES} of memory. What it had before it came to its group is not counted. */
export function squeeze(pid: number): Undo {
  const folder = join(root, `${PREFIX}${pid}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'cgroup.procs'), String(pid));
  writeFileSync(join(folder, limit), String(Number(readFileSync(join(folder, used), 'utf8')) + MORE_BYTES));
  return () => {
    if (existsSync(folder)) writeFileSync(join(folder, limit), none);
  };
}
