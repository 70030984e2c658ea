import { readFileSync } from 'node:fs';
import type { Config } from './options.ts';

/** Descriptors that a process needs besides its connections: listeners, logs, probes, scrapes. */
const RESERVE = 100;

/**
 * Compares MAX_CONNECTIONS with the process' limit on open files.
 * @returns a sentence if the limit is too low; nothing if it is high enough or can't be read (it can on Linux only)
 */
export function descriptorWarning({ maxConnections }: Config): string[] {
  const limit = openFilesLimit();
  if (limit === undefined || limit >= maxConnections + RESERVE) return [];
  return [
    `MAX_CONNECTIONS=${maxConnections}, but this process may open ${limit} files: raise the limit (ulimit -n) to ${maxConnections + RESERVE}, or lower MAX_CONNECTIONS`,
  ];
}

/** The soft limit on open files (proc(5), /proc/pid/limits). */
function openFilesLimit(): number | undefined {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
