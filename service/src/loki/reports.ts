import type { Logger } from '../log/logger.ts';
import type { LokiShipper } from './shipper.ts';
import type { PushResult } from './types.ts';

/** Least time between two lines that say that Loki can't be reached. Seconds. */
const INTERVAL_SECONDS = 30;

/**
 * Says in the log when lines do not reach Loki, once in a while, and when they do again. These lines go to Loki like any other,
 * and are far fewer than the attempts that they tell of.
 */
export class LokiReports {
  readonly #shipper: LokiShipper;
  readonly #logger: Logger;
  readonly #intervalMs: number;
  /** When pushes began to fail, on `performance.now`'s clock. */
  #failingSince: number | undefined;
  #attempts = 0;
  #told = false;
  #nextAt = -Infinity;
  #droppedBefore = 0;

  /** @param intervalSeconds least time between two warnings; a test shortens it */
  constructor(shipper: LokiShipper, logger: Logger, intervalSeconds = INTERVAL_SECONDS) {
    this.#shipper = shipper;
    this.#logger = logger;
    this.#intervalMs = intervalSeconds * 1000;
    shipper.on('push', (result) => {
      if (result.outcome === 'accepted') this.#accepted();
      else this.#failed(result);
    });
    shipper.on('broken', (error) => {
      logger.error('The thread that ships to Loki failed; a new one takes over', {
        event: 'loki_thread_failed',
        error,
      });
    });
  }

  #failed({ outcome, detail }: PushResult): void {
    this.#failingSince ??= performance.now();
    this.#attempts += 1;
    // A single failure is part of life: a connection that both sides gave up at once, a Loki that restarts.
    if (this.#attempts < 2 && outcome !== 'rejected') return;
    const now = performance.now();
    if (now < this.#nextAt) return;
    this.#nextAt = now + this.#intervalMs;
    this.#told = true;
    this.#logger.warn('Log lines do not reach Loki', { event: 'loki_push_failing', outcome, detail, ...this.#state() });
  }

  #accepted(): void {
    if (this.#told) this.#logger.info('Log lines reach Loki again', { event: 'loki_push_recovered', ...this.#state() });
    this.#told = false;
    this.#failingSince = undefined;
    this.#attempts = 0;
    this.#droppedBefore = this.#dropped();
  }

  /** Fields of both lines. Lines dropped are those since pushes last went well. */
  #state(): Record<string, number> {
    return {
      attempts: this.#attempts,
      seconds: Math.round((performance.now() - (this.#failingSince ?? performance.now())) / 100) / 10,
      lines_dropped: this.#dropped() - this.#droppedBefore,
      queue_bytes: this.#shipper.waitingBytes,
    };
  }

  #dropped(): number {
    return Object.values(this.#shipper.counts.dropped).reduce((sum, lines) => sum + lines, 0);
  }
}
