import { EventEmitter } from 'node:events';

/** States of the process, in order. `draining` has two halves: serving on (the preStop hook) and closing (since SIGTERM). */
export type LifecycleState = 'starting' | 'ready' | 'draining' | 'stopped';

/** Events of a {@link Lifecycle}; each is emitted once at most. */
interface LifecycleEvents {
  ready: [];
  /** The drain began: readiness fails from now on. */
  draining: [reason: string];
  /** New connections are refused from now on, open ones get their bye. */
  closing: [reason: string];
  /** Every connection is closed and every count flushed, or the drain was given up. */
  stopped: [];
}

/**
 * The state of the process. This module owns it; everything else asks it or listens to it.
 *
 * `starting → ready → draining → stopped`, never back. Every step may be asked for more than once: only the first counts.
 */
export class Lifecycle extends EventEmitter<LifecycleEvents> {
  #state: LifecycleState = 'starting';
  #drainingSince: number | undefined;
  #closingSince: number | undefined;
  #stoppedAt: number | undefined;
  #broken: string | undefined;

  get state(): LifecycleState {
    return this.#state;
  }

  /** True from the preStop hook or the signal on. */
  get shuttingDown(): boolean {
    return this.#drainingSince !== undefined;
  }

  /** True while handshakes are accepted: when ready, and still while the preStop hook waits for endpoints to empty. */
  get accepting(): boolean {
    return this.#state === 'ready' || (this.#state === 'draining' && this.#closingSince === undefined);
  }

  /** Why the process can't be trusted any more and should be restarted, if so: what liveness asks. */
  get broken(): string | undefined {
    return this.#broken;
  }

  /** Seconds since the drain began, or that it took; 0 before it. */
  get shutdownSeconds(): number {
    return this.#secondsSince(this.#drainingSince);
  }

  /** Seconds since connections began to be closed, or that it took; 0 before. */
  get closingSeconds(): number {
    return this.#secondsSince(this.#closingSince);
  }

  /** Listeners and store are there. */
  markReady(): void {
    if (this.#state !== 'starting') return;
    this.#state = 'ready';
    this.emit('ready');
  }

  /** Readiness fails from now on; connections are served on. */
  beginDrain(reason: string): void {
    if (this.#drainingSince !== undefined) return;
    this.#state = 'draining';
    this.#drainingSince = performance.now();
    this.emit('draining', reason);
  }

  /** New connections are refused from now on. */
  beginClosing(reason: string): void {
    this.beginDrain(reason);
    if (this.#closingSince !== undefined) return;
    this.#closingSince = performance.now();
    this.emit('closing', reason);
  }

  /** The drain has ended: its times stand still. */
  markStopped(): void {
    if (this.#state === 'stopped') return;
    this.#state = 'stopped';
    this.#stoppedAt = performance.now();
    this.emit('stopped');
  }

  /** The process can't be trusted any more; only the first reason is kept. */
  markBroken(reason: string): void {
    this.#broken ??= reason;
  }

  #secondsSince(start: number | undefined): number {
    return start === undefined ? 0 : ((this.#stoppedAt ?? performance.now()) - start) / 1000;
  }
}
