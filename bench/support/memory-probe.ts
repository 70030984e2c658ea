/**
 * Loaded into a server by `--import`, with `--expose-gc`: tells its parent, when asked, the memory it holds after full
 * collections.
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

process.on('message', (asked) => {
  if (asked !== 'measure') return;
  void collect().then(({ rss, heapUsed, external, arrayBuffers }) => {
    process.send?.({ rss, heapUsed, external, arrayBuffers } satisfies MemoryUse);
  });
});
// The channel to the parent must not keep a server alive that has drained.
process.channel?.unref();

/**
 * Finalizers run between collections, and free what only a later one can return; `last-resort` gives free pages back. Each
 * begins in a timer's turn, where nothing of ours is on the stack.
 */
async function collect(): Promise<NodeJS.MemoryUsage> {
  for (let times = 0; times < 4; times += 1) {
    await delay(50);
    globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  }
  return process.memoryUsage();
}
