import type { Config } from '../config/options.ts';
import type { Lifecycle } from './lifecycle.ts';

/** Result of the preStop hook. */
export interface PrestopReport {
  /** Duration of the wait in seconds. */
  readonly waited_seconds: number;
  /** `quiet`: no handshake for PRESTOP_QUIET_SECONDS; `limit`: they did not stop; `closing`: a signal came first. */
  readonly ended_by: 'quiet' | 'limit' | 'closing';
}

/**
 * Begins the drain and waits until no more handshakes arrive: then all proxies on the way have removed this pod from
 * their endpoints. Waits at least PRESTOP_MIN_SECONDS and at most PRESTOP_MAX_SECONDS.
 * @param lastArrivalAt when the last handshake came, on `performance.now`'s clock
 */
export async function waitForQuiet(
  lifecycle: Lifecycle,
  config: Config,
  lastArrivalAt: () => number,
): Promise<PrestopReport> {
  const startedAt = performance.now();
  lifecycle.beginDrain('prestop');
  for (;;) {
    const now = performance.now();
    const quietAt = Math.max(
      startedAt + config.prestopMinSeconds * 1000,
      Math.max(startedAt, lastArrivalAt()) + config.prestopQuietSeconds * 1000,
    );
    const limitAt = startedAt + config.prestopMaxSeconds * 1000;
    const report = (ended_by: PrestopReport['ended_by']): PrestopReport => ({
      waited_seconds: Math.round(now - startedAt) / 1000,
      ended_by,
    });
    if (!lifecycle.accepting) return report('closing');
    if (now >= quietAt) return report('quiet');
    if (now >= limitAt) return report('limit');
    await untilClosing(lifecycle, Math.min(quietAt, limitAt) - now);
  }
}

/** Waits for a time, or until the lifecycle closes. */
function untilClosing(lifecycle: Lifecycle, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      lifecycle.off('closing', finish);
      resolve();
    };
    // Timers run before sockets are read: after a stall, connections that wait are accepted in this turn, and their
    // handshakes read in the next.
    const afterSockets = (): void => void setImmediate(() => setImmediate(finish));
    // Timers fire up to a millisecond early by `performance.now`'s clock.
    const timer = setTimeout(afterSockets, Math.ceil(ms) + 1);
    lifecycle.on('closing', finish);
  });
}
