/** Milliseconds on a clock that never jumps. Unlike `performance.now()`, it is the same one in every thread. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
