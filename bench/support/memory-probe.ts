/**
 * Loaded into a server by `--import`, with `--expose-gc`: answers each message of its parent with the memory it holds after
 * full collections.
 */
import { setTimeout as delay } from 'node:timers/promises';

/** What a process holds, in bytes. */
export interface MemoryUse {
  readonly rss: number;
  readonly heapUsed: number;
  /** Memory outside of V8's heap that V8 knows of, buffers included. */
  readonly external: number;
  readonly arrayBuffers: number;
}

process.on('message', () => {
  void collect().then(({ rss, heapUsed, external, arrayBuffers }) => {
    process.send?.({ rss, heapUsed, external, arrayBuffers } satisfies MemoryUse);
  });
});
// The channel to the parent must not keep a server alive that has drained.
process.channel?.unref();

/** Finalizers run between collections, and free what only a later one can return; `last-resort` gives free pages back. */
async function collect(): Promise<NodeJS.MemoryUsage> {
  for (let times = 0; times < 4; times += 1) {
    await globalThis.gc?.({ type: 'major', execution: 'async', flavor: 'last-resort' });
    await delay(50);
  }
  return process.memoryUsage();
}
