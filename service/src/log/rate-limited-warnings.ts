import type { LogFields, Logger } from './logger.ts';

/**
 * Logs WARN lines at a bounded rate: of each kind one line an interval. The next line of that kind says in `suppressed` how
 * many were left out, so that a flood of bad clients is told of and does not become a flood of lines.
 */
export class BoundedWarnings {
  readonly #logger: Logger;
  readonly #intervalMs: number;
  readonly #kinds = new Map<string, { nextAt: number; suppressed: number }>();

  constructor(logger: Logger, intervalSeconds: number) {
    this.#logger = logger;
    this.#intervalMs = intervalSeconds * 1000;
  }

  /** @param fields `event` and, where there is one, `reason` make the kind; both come from closed sets */
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
