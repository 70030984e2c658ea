import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onPath } from '../../scripts/tools.ts';

/** Set in the sandbox, to the network namespace outside. */
const MARK = 'WMC_CHAOS_SANDBOX';
/** Namespaces of the network and of mounts (`unshare(1)`); who is not root is root in a namespace of users. */
const UNSHARE = ['--net', '--mount', ...(process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'])];
/** The loopback interface of the namespace, a packet filter that can draw lots, and a place for what libfaketime leaves. */
const SET_UP = [
  'ip link set lo up',
  'iptables -w -A INPUT -p tcp --dport 1 -m statistic --mode random --probability 0.5 -j DROP',
  'iptables -w -F',
  'mount -t tmpfs tmpfs /dev/shm',
].join(' && ');

/** Whether this process has a network and mounts of its own. */
export function inSandbox(): boolean {
  return process.env[MARK] !== undefined;
}

/**
 * Starts this program again with a network and mounts of its own. What is done to them ends with the last process in them,
 * however it ends. Returns in the sandbox, or where there can be none. Unless this process is killed, no temporary file outlives
 * it, and in the sandbox no process.
 */
export function enterSandbox(): void {
  if (inSandbox()) process.on('exit', endSandbox);
  else leave();
  useOwnTemporaryFolder();
}

/** Returns where there can be no sandbox. */
function leave(): void {
  const program = onPath('unshare');
  if (program === undefined || sandboxObstacle() !== undefined || process.execve === undefined) return;
  const self = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  process.execve(program, ['unshare', ...UNSHARE, 'sh', '-c', `${SET_UP} && exec "$@"`, 'sh', ...self], {
    ...process.env,
    [MARK]: networkOf('self'),
  });
}

/** Ends every other process in the sandbox: also one that was being started, of which nobody else knows yet. */
function endSandbox(): void {
  const own = networkOf('self');
  if (!inSandbox() || own === undefined || own === process.env[MARK]) return;
  for (const id of readdirSync('/proc').map(Number))
    if (id > 0 && id !== process.pid && networkOf(String(id)) === own) endProcess(id);
}

function useOwnTemporaryFolder(): void {
  const folder = mkdtempSync(join(tmpdir(), 'wmc-chaos-'));
  process.env['TMPDIR'] = folder;
  process.on('exit', () => {
    try {
      rmSync(folder, { recursive: true });
    } catch {
      // After a crash a file system may still be mounted in it.
    }
  });
}

/** The network namespace of a process; `undefined` where it has ended, or is not ours to look at. */
export function networkOf(id: string): string | undefined {
  try {
    return readlinkSync(`/proc/${id}/ns/net`);
  } catch {
    return undefined;
  }
}

function endProcess(id: number): void {
  try {
    process.kill(id, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** Why there can be no sandbox on this machine. */
export function sandboxObstacle(): string | undefined {
  if (inSandbox()) return undefined;
  const { status, stderr, error } = spawnSync('unshare', [...UNSHARE, 'sh', '-c', SET_UP], { encoding: 'utf8' });
  return status === 0 ? undefined : (error?.message ?? stderr.trim().split('\n').at(-1) ?? 'unshare fails');
}

/** Runs a program that changes the sandbox. */
export function inside(program: string, ...args: readonly string[]): void {
  if (!inSandbox()) throw new Error(`${program} would change the whole machine: it needs a sandbox`);
  execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
