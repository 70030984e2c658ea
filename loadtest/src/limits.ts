import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { loopbackAddress } from './source-addresses.ts';
import { UsageError } from './usage-error.ts';

/** Descriptors of a process that are not sockets: standard streams, IPC, epoll, modules being read. With a margin. */
const OTHER_DESCRIPTORS = 64;
/** Sockets that one process carries well at usual rates. */
const SOCKETS_A_PROCESS = 5000;
/**
 * Share of the ephemeral ports that is planned with: others use some, and closed connections keep theirs for a minute.
 */
const USABLE_PORTS = 0.8;

/** What the system allows. */
export interface SystemLimits {
  /** Descriptors that a process may have open; Node.js raises its soft limit to the hard one. */
  readonly descriptors: number;
  /** Ephemeral ports of one address. */
  readonly ports: number;
  readonly cores: number;
}

/** Reads the limits of this system; where one can't be read, none is assumed. */
export function readLimits(): SystemLimits {
  const descriptors = /^Max open files\s+(\d+)/m.exec(read('/proc/self/limits'))?.[1];
  const [first, last] = read('/proc/sys/net/ipv4/ip_local_port_range').trim().split(/\s+/).map(Number);
  return {
    descriptors: descriptors === undefined ? Infinity : Number(descriptors),
    ports: first === undefined || last === undefined ? 28_232 : last - first + 1,
    cores: availableParallelism(),
  };
}

/**
 * How many processes hold the clients: half of the cores, the service needs the other half; fewer for few sockets, more
 * if the descriptors of one process don't suffice.
 * @param asked what `--processes` says, if it says something
 * @throws {UsageError} if the descriptors don't suffice
 */
export function planProcesses(
  sockets: number,
  asked: number | undefined,
  { descriptors, cores }: SystemLimits,
): number {
  const most = descriptors - OTHER_DESCRIPTORS;
  const usual = Math.max(1, Math.min(Math.floor(cores / 2), Math.ceil(sockets / SOCKETS_A_PROCESS)));
  if (most < 1)
    throw new UsageError(
      `A process may have ${descriptors} files open, too few for any socket: raise the limit with ulimit -n.`,
    );
  const processes = asked ?? Math.max(usual, Math.ceil(sockets / most));
  const needed = Math.ceil(sockets / processes);
  if (needed > most)
    throw new UsageError(
      `--sockets ${sockets} with --processes ${processes} needs ${needed + OTHER_DESCRIPTORS} open files a process, and ${descriptors} are allowed: raise the limit with ulimit -n, or give --processes ${Math.ceil(sockets / most)}.`,
    );
  return processes;
}

/** Addresses to connect from. */
export interface SourcePlan {
  readonly addresses: readonly string[];
  /** More may be taken when ports run out. */
  readonly mayGrow: boolean;
}

/**
 * Which addresses clients connect from: the system's choice as long as its ports suffice, several of 127.0.0.0/8 beyond
 * that if the service is there.
 * @param asked what `--source-addresses` says: a number of loopback addresses, addresses, or nothing
 * @throws {UsageError} if ports don't suffice, or loopback addresses are asked for and the service is elsewhere
 */
export function planSources(
  sockets: number,
  address: string,
  asked: number | readonly string[] | undefined,
  { ports }: SystemLimits,
): SourcePlan {
  const loopback = address.startsWith('127.');
  if (typeof asked === 'object') return { addresses: asked, mayGrow: false };
  const needed = Math.ceil(sockets / (ports * USABLE_PORTS));
  if (!loopback && (asked ?? needed) > 1)
    throw new UsageError(
      asked === undefined
        ? `--sockets ${sockets} needs more ports than one address of this machine has (${ports}): give several with --source-addresses, or widen net.ipv4.ip_local_port_range.`
        : `--source-addresses ${asked} is for a service on loopback, and this one is at ${address}: give the addresses of this machine instead.`,
    );
  const count = asked ?? (needed > 1 ? needed : 0);
  return { addresses: Array.from({ length: count }, (_, index) => loopbackAddress(index - 1)), mayGrow: loopback };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
