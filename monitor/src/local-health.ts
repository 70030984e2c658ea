import type { Findings } from './events.ts';
import type { LogRecord } from './log-record.ts';

/** Source of findings about a local service. */
export const SERVICE = 'service';

/** What one look at the health endpoints gave. */
export type HealthCheck =
  | { readonly answered: false; readonly reason: string }
  | {
      readonly answered: true;
      /** `/healthz/` answered 200. */
      readonly alive: boolean;
      readonly ready: boolean;
      readonly shuttingDown: boolean;
      /** The `status` of `/readyz/`, or the HTTP status where the body is not understood. */
      readonly status: string;
      /** Open connections, where `/readyz/` tells. */
      readonly connections: number | undefined;
    };

type Phase = 'unknown' | 'away' | 'starting' | 'ready' | 'not ready' | 'draining';

/** A log event by which a process says that it ends in order. */
const ORDERLY_END: ReadonlySet<string> = new Set([
  'drain_started',
  'drain_closing',
  'drain_finished',
  'service_stopped',
]);

/**
 * Follows the life of one process by its health checks and its log, and tells what is a problem: an end that no drain came
 * before, readiness that fails without a drain, liveness that fails.
 */
export class LocalHealth {
  readonly #findings: Findings;
  #phase: Phase = 'unknown';
  /** The process that was last seen said that it ends in order. */
  #drained = false;
  /** Why the next process began has been told already. */
  #restartTold = false;
  #alive = true;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** The service answered at least once. */
  get everReached(): boolean {
    return this.#phase !== 'unknown';
  }

  observe(check: HealthCheck): void {
    if (check.answered) this.#answered(check);
    else this.#away(check.reason);
  }

  /** The log may tell of a drain, and of the next process, between two checks. */
  record({ event }: LogRecord): void {
    if (event === undefined) return;
    if (ORDERLY_END.has(event)) this.#drained = true;
    if (event === 'service_starting' && this.#drained) this.#nextProcess();
  }

  /** The metrics show that the process is another one. */
  restarted(): void {
    if (this.#drained || this.#restartTold) this.#notice('restarted', 'another process runs now');
    else this.#problem('restarted', 'started anew, and had not drained before');
    this.#drained = this.#phase === 'draining';
    this.#restartTold = false;
  }

  /** The watch is over: an orderly end is fine only if something came after it. */
  finish(): void {
    if (this.#phase === 'away' && this.#drained)
      this.#problem('unreachable', 'stopped after a drain and did not come back');
  }

  #away(reason: string): void {
    if (this.#phase === 'away' || this.#phase === 'unknown') return;
    if (this.#phase === 'draining') this.#drained = true;
    if (this.#drained) this.#notice('draining', `stopped after its drain (${reason})`);
    else this.#problem('unreachable', 'does not answer, and had not drained', reason);
    this.#phase = 'away';
  }

  #answered(check: Extract<HealthCheck, { answered: true }>): void {
    if (check.alive !== this.#alive) {
      if (check.alive) this.#notice('reachable', '/healthz/ answers 200 again');
      else this.#problem('unhealthy', '/healthz/ does not answer 200');
      this.#alive = check.alive;
    }
    const phase = phaseOf(check);
    if (phase === this.#phase) return;
    if (this.#phase === 'unknown' || this.#phase === 'away') this.#notice('reachable', `answers: ${check.status}`);
    else if (phase === 'ready') this.#notice('ready', 'ready');
    // No process comes back from its drain: it is another one.
    if (this.#phase === 'away' || this.#phase === 'draining') this.#nextProcess();
    if (phase === 'draining') this.#notice('draining', 'drains: readiness fails, open connections get their bye');
    if (phase === 'not ready') this.#problem('not_ready', 'readiness failed though nothing drains', check.status);
    this.#phase = phase;
  }

  #nextProcess(): void {
    this.#drained = false;
    this.#restartTold = true;
  }

  #problem(kind: 'unreachable' | 'unhealthy' | 'not_ready' | 'restarted', message: string, detail?: string): void {
    this.#findings.problem({ kind, source: SERVICE, message, ...(detail !== undefined && { detail }) });
  }

  #notice(kind: 'reachable' | 'ready' | 'draining' | 'restarted', message: string): void {
    this.#findings.notice({ kind, source: SERVICE, message });
  }
}

function phaseOf({ ready, shuttingDown, status }: Extract<HealthCheck, { answered: true }>): Phase {
  if (shuttingDown) return 'draining';
  if (ready) return 'ready';
  return status === 'starting' ? 'starting' : 'not ready';
}
