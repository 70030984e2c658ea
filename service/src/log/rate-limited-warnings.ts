import type { LogFields, Logger } from './logger.ts';

/**
 * Logs WARN lines at a limited rate: one line of each kind an interval. `suppressed` of the next line says how many
 * were left out, so that a flood of bad clients does not become a flood of lines.
 */
export class RateLimitedWarnings {
  readonly #logger: Logger;
  readonly #intervalMs: number;
  readonly #kinds = new Map<string, { nextAt: number; suppressed: number }>();

  constructor(logger: Logger, intervalSeconds: number) {
    this.#logger = logger;
    this.#intervalMs = intervalSeconds * 1000;
  }

  /** @param fields `event` and `reason`, if there is one, are the kind; both come from closed sets */
  warn(message: string, fields: LogFields & { readonly reason?: string }): void {
    const kind = `${fields.event}/${fields.reason ?? ''}`;
    const now = performance.now();
    const state = this.#kinds.get(kind) ?? { nextAt: 0, suppressed: 0 };
    this.#kinds.set(kind, state);
    if (now < state.nextAt) {
      state.suppressed += 1;
      return;
    }
    this.#logger.warn(message, { ...fields, suppressed: state.suppressed });
    state.nextAt = now + this.#intervalMs;
    state.suppressed = 0;
  }
}
