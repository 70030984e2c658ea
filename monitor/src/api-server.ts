import { EventEmitter } from 'node:events';
import type { Coverage } from './coverage.ts';
import type { KubeApi } from './kube-api.ts';
import { pause } from './waiting.ts';

const PROBE_MS = 3000;
const TIMEOUT_MS = 5000;

/** The part of the watch that the API server is. */
export const API_SERVER = 'API server';

/**
 * Knows whether the API server answers, by asking it now and then: a watch or a log stream on a dead connection would not tell
 * for half a minute or longer. `back` is emitted when it answers again, with when it was first missed.
 */
export class ApiServer extends EventEmitter<{ back: [awaySinceMs: number] }> {
  readonly #api: KubeApi;
  readonly #coverage: Coverage;
  #probe: Promise<boolean> | undefined;
  #awaySinceMs: number | undefined;

  constructor(api: KubeApi, coverage: Coverage) {
    super();
    this.#api = api;
    this.#coverage = coverage;
  }

  /** Asks every {@link PROBE_MS} until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.answers();
      await pause(PROBE_MS, signal);
    }
  }

  /** Asks now. Any answer will do but one that says that nothing works behind it. */
  answers(): Promise<boolean> {
    this.#probe ??= this.#ask().finally(() => {
      this.#probe = undefined;
    });
    return this.#probe;
  }

  async #ask(): Promise<boolean> {
    try {
      const { status } = await this.#api.get('/version', TIMEOUT_MS);
      if (status >= 500) throw new Error(`${this.#api.host} answered ${status}`);
    } catch (error) {
      this.#awaySinceMs ??= Date.now();
      this.#coverage.lost(API_SERVER, (error as Error).message);
      return false;
    }
    this.#coverage.seen(API_SERVER);
    const awaySinceMs = this.#awaySinceMs;
    this.#awaySinceMs = undefined;
    if (awaySinceMs !== undefined) this.emit('back', awaySinceMs);
    return true;
  }
}
