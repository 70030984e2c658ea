import type { Config } from '../config/options.ts';
import type { Lifecycle, LifecycleState } from './lifecycle.ts';

/**
 * How far the share of connections must fall below the bound before a full pod is ready again, so that readiness does
 * not flap.
 */
const HYSTERESIS = 0.05;

/** Body of `/readyz/`: the guide's fields first. */
export interface ReadinessReport {
  readonly status: 'ready' | 'full' | 'store_away' | Exclude<LifecycleState, 'ready'>;
  readonly timestamp: string;
  readonly ready: boolean;
  readonly shutting_down: boolean;
  readonly connections: number;
  readonly max_connections: number;
}

/** Whether this process should get new connections: it is up, not draining, and, if configured, not nearly full. */
export class Readiness {
  readonly #lifecycle: Lifecycle;
  readonly #config: Config;
  readonly #connections: () => number;
  readonly #storeUp: () => boolean;
  readonly #onFullChanged: (full: boolean) => void;
  #full = false;

  /**
   * @param connections open connections now
   * @param storeUp whether the session store answers
   * @param onFullChanged called when the process becomes too full to be ready, and when it is not any more
   */
  constructor(
    lifecycle: Lifecycle,
    config: Config,
    connections: () => number,
    storeUp: () => boolean,
    onFullChanged: (full: boolean) => void,
  ) {
    this.#lifecycle = lifecycle;
    this.#config = config;
    this.#connections = connections;
    this.#storeUp = storeUp;
    this.#onFullChanged = onFullChanged;
  }

  get ready(): boolean {
    return this.#lifecycle.state === 'ready' && !this.#isFull() && !this.#storeAway;
  }

  report(): ReadinessReport {
    const { state, shuttingDown } = this.#lifecycle;
    const ready = this.ready;
    const unfit = this.#storeAway ? 'store_away' : 'full';
    return {
      status: state === 'ready' && !ready ? unfit : state,
      timestamp: new Date().toISOString(),
      ready,
      shutting_down: shuttingDown,
      connections: this.#connections(),
      max_connections: this.#config.maxConnections,
    };
  }

  get #storeAway(): boolean {
    return this.#config.readinessRequiresStore && !this.#storeUp();
  }

  #isFull(): boolean {
    const { readinessConnectionsRatio: ratio, maxConnections } = this.#config;
    if (ratio === 0) return false;
    const share = this.#connections() / maxConnections;
    const full = share >= (this.#full ? ratio - HYSTERESIS : ratio);
    if (full !== this.#full) {
      this.#full = full;
      this.#onFullChanged(full);
    }
    return full;
  }
}
