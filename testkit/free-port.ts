import { isFreePort } from '../lib/free-port.ts';

/**
 * Ports from here on are given out, in a block for each process. The bus of a Redis Cluster takes the port of its node and
 * 10,000 (Redis documentation, "Redis cluster specification"): those too are below 32,768, where the kernel's begin by default.
 */
const FIRST = 12_000;
const BLOCKS = 100;
const BLOCK_SIZE = 100;

let given = 0;

/**
 * A port for a program that can't choose one itself, or that comes back on its port after it was killed.
 *
 * It lies below those that the kernel gives to clients' sockets (ip(7), `ip_local_port_range`): one of these is free now, and
 * in use by anybody's outgoing connection at the next moment. Test files run in processes of their own, each with its own block.
 */
export async function freePort(): Promise<number> {
  const start = FIRST + (process.pid % BLOCKS) * BLOCK_SIZE;
  for (let tried = 0; tried < BLOCK_SIZE; tried += 1) {
    const port = start + (given % BLOCK_SIZE);
    given += 1;
    if (await isFreePort(port)) return port;
  }
  throw new Error(`none of the ports ${start} to ${start + BLOCK_SIZE - 1} is free: what listens there? (ss -ltn)`);
}
