import { readdirSync, readFileSync } from 'node:fs';

/**
 * The main process of a container, by its id in the cgroups of this machine's processes (proc(5)): the oldest of them, since
 * all others in it are its children or were put in later, as hooks are.
 * @param containerId as the Kubernetes API has it: `containerd://...`
 * @returns its process id here; `undefined` if the container does not run on this machine
 */
export function mainProcess(containerId: string): number | undefined {
  const id = containerId.replace(/^.*:\/\//, '');
  const found = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && read(`/proc/${name}/cgroup`).includes(id))
    .map((name) => ({ pid: Number(name), startedAt: startTime(name) }));
  return found.sort((a, b) => a.startedAt - b.startedAt)[0]?.pid;
}

/** Field 22 of stat; the second one, the name, may hold spaces and brackets. */
function startTime(pid: string): number {
  const stat = read(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
}

/** A process may end while one looks at it. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
