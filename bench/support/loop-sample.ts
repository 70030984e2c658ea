/** What a process has done since its start, as its loop probe tells. */
export interface LoopSample {
  /** When, on the process' own `performance.now`. */
  readonly atMs: number;
  /** Time that the event loop was not waiting for events (`performance.eventLoopUtilization`). */
  readonly activeMs: number;
  readonly idleMs: number;
  /** CPU time of all threads. */
  readonly cpuMicros: number;
  /** CPU time of the event loop's thread: unlike its active time, without what it waited for a CPU. */
  readonly loopCpuMicros: number;
  /** Bytes allocated in V8's heap of the event loop; memory of buffers is outside of it. */
  readonly allocatedBytes: number;
  /** Garbage collections, and the time they took. */
  readonly collections: number;
  readonly collectingMs: number;
  readonly residentBytes: number;
}

/** What a process without a probe does not tell. */
export const UNTOLD: LoopSample = {
  atMs: NaN,
  activeMs: NaN,
  idleMs: NaN,
  cpuMicros: NaN,
  loopCpuMicros: NaN,
  allocatedBytes: NaN,
  collections: NaN,
  collectingMs: NaN,
  residentBytes: NaN,
};

/** What a process did for each of some messages. */
export interface MessageCost {
  /** Microseconds that the event loop was active. */
  readonly loopMicros: number;
  /** Microseconds of CPU time of the event loop's thread. */
  readonly loopCpuMicros: number;
  /** Microseconds of CPU time of all threads. */
  readonly cpuMicros: number;
  readonly allocatedBytes: number;
}

/** Share of the time between two samples that the event loop was active, from 0 to 1. */
export function utilization(from: LoopSample, to: LoopSample): number {
  const active = to.activeMs - from.activeMs;
  return active / (active + to.idleMs - from.idleMs);
}

/** What each message cost that was handled between two samples. */
export function messageCost(from: LoopSample, to: LoopSample, messages: number): MessageCost {
  return {
    loopMicros: ((to.activeMs - from.activeMs) * 1000) / messages,
    loopCpuMicros: (to.loopCpuMicros - from.loopCpuMicros) / messages,
    cpuMicros: (to.cpuMicros - from.cpuMicros) / messages,
    allocatedBytes: (to.allocatedBytes - from.allocatedBytes) / messages,
  };
}
