/** From a moment on, sockets send this many times their send rate. */
export interface RateStep {
  /** Milliseconds since the start of the run. */
  readonly fromMs: number;
  readonly times: number;
}

/** How a client sends. */
export interface Pace {
  readonly perSecond: number;
  /** In order of time, the first from 0. */
  readonly steps: readonly RateStep[];
  /** From then on it sends nothing. Milliseconds since the start of the run. */
  readonly untilMs: number;
}

/** Sends nothing. */
export const SILENCE: Pace = { perSecond: 0, steps: [], untilMs: Infinity };

/**
 * When the next message of a socket is due, on an open-loop schedule: it depends on the rate alone, not on replies.
 * @param due when the last one was due, in milliseconds since the start of the run
 * @param share of a period to go; below 1 for a first message, so that sockets don't send in step
 * @returns milliseconds since the start, Infinity if there is none
 */
export function nextDue(due: number, { perSecond, steps, untilMs }: Pace, share = 1): number {
  let at = due;
  let left = share;
  // Once a message: no iterator is made.
  for (let index = 0; index < steps.length; index += 1) {
    const end = steps[index + 1]?.fromMs ?? untilMs;
    if (at >= end) continue;
    const perMs = (perSecond * (steps[index]?.times ?? 0)) / 1000;
    if (perMs > 0 && at + left / perMs <= end) return at + left / perMs;
    left -= perMs * (end - at);
    at = end;
  }
  return Infinity;
}
