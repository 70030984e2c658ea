import { totalmem } from 'node:os';

/** The memory limit of the process's cgroup, in bytes; 0 if it has none, or if it is unknown. */
export function memoryLimitBytes(): number {
  // Without a limit Node.js gives 0 or a number near 2^64, by the version of cgroups.
  const bytes = process.constrainedMemory();
  return bytes < totalmem() ? bytes : 0;
}
