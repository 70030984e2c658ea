import { EventEmitter } from 'node:events';

/**
 * States of the process, in order. `draining` has two phases: serving on (preStop hook) and closing (since SIGTERM).
 */
export type LifecycleState = 'starting' | 'ready' | 'draining' | 'stopped';

/** Events of a {@link Lifecycle}; each is emitted at most once. */
interface LifecycleEvents {
  ready: [];
  /** The drain began: readiness fails from now on. */
  draining: [reason: string];
  /** From now on new connections are rejected, and open ones get their bye. */
  closing: [reason: string];
  /** Every connection is closed and every count flushed, or the drain missed its deadline. */
  stopped: [];
}

/** The state of the process: `starting → ready → draining → stopped`, never back. Repeated steps are ignored. */
export class Lifecycle extends EventEmitter<LifecycleEvents> {
  #state: LifecycleState = 'starting';
  #drainingSince: number | undefined;
  #closingSince: number | undefined;
  #stoppedAt: number | undefined;
  #spreadSeconds = 0;
  #broken: string | undefined;

  get state(): LifecycleState {
    return this.#state;
  }

  /** True since the preStop hook or the signal. */
  get shuttingDown(): boolean {
    return this.#drainingSince !== undefined;
  }

  /** True while handshakes are accepted: when ready, and while the preStop hook waits. */
  get accepting(): boolean {
    return this.#state === 'ready' || (this.#state === 'draining' && this.#closingSince === undefined);
  }

  /** Why the process should be restarted, if it should: liveness fails then. */
  get broken(): string | undefined {
    return this.#broken;
  }

  /** Seconds since the drain began, or its duration once it ended; 0 before it. */
  get shutdownSeconds(): number {
    return this.#secondsSince(this.#drainingSince);
  }

  /** Seconds since closing began, or its duration once it ended; 0 before it. */
  get closingSeconds(): number {
    return this.#secondsSince(this.#closingSince);
  }

  /** Seconds over which the closes of this drain are spread; 0 before closing began. */
  get spreadSeconds(): number {
    return this.#spreadSeconds;
  }

  /** The listeners are up. */
  markReady(): void {
    if (this.#state !== 'starting') return;
    this.#state = 'ready';
    this.emit('ready');
  }

  /** From now on readiness fails; connections are still served. */
  beginDrain(reason: string): void {
    if (this.#drainingSince !== undefined) return;
    this.#state = 'draining';
    this.#drainingSince = performance.now();
    this.emit('draining', reason);
  }

  /**
   * From now on new connections are rejected.
   * @param spreadSeconds over which closes are spread
   */
  beginClosing(reason: string, spreadSeconds = 0): void {
    this.beginDrain(reason);
    if (this.#closingSince !== undefined) return;
    this.#spreadSeconds = spreadSeconds;
    this.#closingSince = performance.now();
    this.emit('closing', reason);
  }

  /** The drain has ended: its durations no longer grow. */
  markStopped(): void {
    if (this.#state === 'stopped') return;
    this.#state = 'stopped';
    this.#stoppedAt = performance.now();
    this.emit('stopped');
  }

  /** The process should be restarted. Only the first reason is recorded. */
  markBroken(reason: string): void {
    this.#broken ??= reason;
  }

  #secondsSince(start: number | undefined): number {
    return start === undefined ? 0 : ((this.#stoppedAt ?? performance.now()) - start) / 1000;
  }
}
