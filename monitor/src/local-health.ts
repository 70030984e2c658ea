import type { Findings, NoticeKind, ProblemKind } from './events.ts';
import type { LogRecord } from './log-lines.ts';
import type { HealthCheck } from './service-http.ts';

/** Source of findings about a local service. */
export const SERVICE = 'service';

type Phase = 'unknown' | 'away' | 'starting' | 'ready' | 'not ready' | 'draining';

/**
 * Follows the life of a local process by its health checks, its log and its metrics, and reports what is a problem: an end
 * without a drain, readiness that fails without a drain, liveness that fails.
 */
export class LocalHealth {
  readonly #findings: Findings;
  #phase: Phase = 'unknown';
  #alive = true;
  /** The process said that it drains. */
  #drained = false;
  /** Another process is no surprise: the end of the last one was reported. */
  #restartExpected = false;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** The service answered at least once. */
  get everReached(): boolean {
    return this.#phase !== 'unknown';
  }

  observe(check: HealthCheck): void {
    if (check.answered) this.#answered(check);
    else if (this.#phase !== 'away' && this.#phase !== 'unknown') this.#away(check.reason);
  }

  /** The log may report a drain, and the next process, between two checks. */
  record({ event }: LogRecord): void {
    if (event === 'service_starting') this.#drained = false;
    if (event !== 'drain_started' && event !== 'service_stopped') return;
    this.#drained = true;
    this.#restartExpected = true;
  }

  /** @param restarted the metrics show that the process is another one */
  metricsRead(restarted: boolean): void {
    if (restarted && this.#restartExpected) this.#notice('restarted', 'another process runs now');
    else if (restarted) this.#problem('restarted', 'restarted without a drain');
    this.#restartExpected = this.#drained;
  }

  /** The watch is over: a drain is fine only if something came after it. */
  finish(): void {
    if (this.#phase === 'away' && this.#drained)
      this.#problem('unreachable', 'stopped after a drain and did not come back');
  }

  #away(reason: string): void {
    if (this.#drained) this.#notice('draining', `stopped after its drain (${reason})`);
    else this.#problem('unreachable', 'does not answer, and had not drained', reason);
    this.#restartExpected = true;
    this.#phase = 'away';
  }

  #answered({ alive, ready, shuttingDown, status }: Extract<HealthCheck, { answered: true }>): void {
    if (alive && !this.#alive) this.#notice('reachable', '/healthz/ answers 200 again');
    if (!alive && this.#alive) this.#problem('unhealthy', '/healthz/ does not answer 200');
    this.#alive = alive;
    const last = this.#phase;
    const phase = shuttingDown ? 'draining' : ready ? 'ready' : status === 'starting' ? 'starting' : 'not ready';
    if (phase === last) return;
    this.#phase = phase;
    this.#drained = phase === 'draining';
    if (this.#drained) this.#restartExpected = true;
    if (last === 'unknown' || last === 'away') this.#notice('reachable', `answers: ${status}`);
    else if (phase === 'ready') this.#notice('ready', 'ready');
    if (phase === 'draining') this.#notice('draining', 'drains: readiness fails, open connections get their bye');
    if (phase === 'not ready') this.#problem('not_ready', 'readiness failed without a drain', status);
  }

  #problem(kind: ProblemKind, message: string, detail?: string): void {
    this.#findings.problem({ kind, source: SERVICE, message, detail });
  }

  #notice(kind: NoticeKind, message: string): void {
    this.#findings.notice({ kind, source: SERVICE, message });
  }
}
