import assert from 'node:assert/strict';
import { progress } from './figures.ts';

/** Most that the clients' event loop may be late, in seconds, for what they saw to be the service's doing. */
const QUIET_SECONDS = 0.25;
/** How much longer all may take, and how much denser it may come, on a machine that has no time for the clients. */
const BUSY_FACTOR = 10;

/** What the bounds of a case are held by. */
export interface Timekeeper {
  /** Most that the event loop of the clients' process has been late, in seconds. */
  readonly lateSeconds: number;
}

/**
 * Holds what clients measured against its bound. Where their own process was late, the machine was too busy to tell the
 * service's time from its own: then that is said, and ten times the bound holds, so that one that is never back still fails.
 */
export function expectAtMost(what: string, value: number, bound: number, { lateSeconds }: Timekeeper): void {
  const busy = lateSeconds > QUIET_SECONDS;
  if (busy && value > bound)
    progress(
      `${what}: ${value} instead of ${bound} at most; the clients' own event loop was up to ${lateSeconds.toFixed(2)} s late, so this machine was too busy to hold the service to it`,
    );
  assert.ok(value <= bound * (busy ? BUSY_FACTOR : 1), `${what}: ${value}, which must be at most ${bound}`);
}
