/**
 * Loaded into a server by `--import`: tells its parent, when asked, how much its event loop, its process and its heap have done
 * so far. What happened between two samples is their difference (loop-sample.ts).
 */
import { GCProfiler, getHeapStatistics } from 'node:v8';
import type { LoopSample } from './loop-sample.ts';

let profiler = new GCProfiler();
profiler.start();
/** Heap in use after the last collection that was looked at, and all that was allocated up to then. */
let usedAfter = getHeapStatistics().used_heap_size;
let allocatedBytes = 0;
let collections = 0;
let collectingMs = 0;

process.on('message', (asked) => {
  if (asked === 'sample') process.send?.(sample());
});
// The channel to the parent must not keep a server alive that has drained.
process.channel?.unref();

function sample(): LoopSample {
  readCollections();
  const { active, idle } = performance.eventLoopUtilization();
  const { user, system } = process.cpuUsage();
  const thread = process.threadCpuUsage();
  return {
    atMs: performance.now(),
    activeMs: active,
    idleMs: idle,
    cpuMicros: user + system,
    loopCpuMicros: thread.user + thread.system,
    allocatedBytes,
    collections,
    collectingMs,
    residentBytes: process.memoryUsage.rss(),
  };
}

/** What was allocated is what the heap grew by between collections. */
function readCollections(): void {
  const { statistics } = profiler.stop() as GCReport;
  const used = getHeapStatistics().used_heap_size;
  for (const { cost, beforeGC, afterGC } of statistics) {
    allocatedBytes += Math.max(0, beforeGC.heapStatistics.usedHeapSize - usedAfter);
    usedAfter = afterGC.heapStatistics.usedHeapSize;
    collections += 1;
    collectingMs += cost / 1000;
  }
  allocatedBytes += Math.max(0, used - usedAfter);
  usedAfter = used;
  profiler = new GCProfiler();
  profiler.start();
}

/** What `GCProfiler.stop` returns, as far as it is read (Node.js documentation, "Class: v8.GCProfiler"). */
interface GCReport {
  readonly statistics: readonly {
    /** Microseconds. */
    readonly cost: number;
    readonly beforeGC: { readonly heapStatistics: { readonly usedHeapSize: number } };
    readonly afterGC: { readonly heapStatistics: { readonly usedHeapSize: number } };
  }[];
}
