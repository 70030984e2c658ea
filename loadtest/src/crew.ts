import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Order, WorkerReady, WorkerReport } from './messages.ts';
import type { Plan } from './plan.ts';

/** Time from the order to start to the start, in milliseconds: every worker has to have the order by then. */
const LEAD_MS = 100;

/** A worker ended in the middle of the run. */
export class WorkerLostError extends Error {
  override readonly name = 'WorkerLostError';
}

/** The processes that hold the clients. */
export class Crew {
  readonly #workers: ChildProcess[];
  readonly #plan: Plan;
  readonly #onReport: (report: WorkerReport) => void;
  readonly #lost: Promise<never>;
  readonly #ready: Promise<unknown>;
  readonly #final: Promise<unknown>;
  #over = false;

  /** Forks the workers. They wait for `start`. */
  constructor(plan: Plan, onReport: (report: WorkerReport) => void) {
    this.#plan = plan;
    this.#onReport = onReport;
    // The same file in the sources and in dist/, where it ends in .js.
    const path = fileURLToPath(import.meta.resolve(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js'));
    this.#workers = Array.from({ length: plan.processes }, () => fork(path, { serialization: 'advanced' }));
    this.#ready = Promise.all(this.#workers.map((worker) => heard(worker, (message) => 'ready' in message)));
    this.#final = Promise.all(
      this.#workers.map((worker) => heard(worker, (message) => 'final' in message && message.final)),
    );
    this.#lost = Promise.race(this.#workers.map((worker, index) => this.#loss(worker, index)));
    this.#lost.catch(() => undefined);
    for (const worker of this.#workers)
      worker.on('message', (message: Message) => {
        if ('counters' in message) this.#onReport(message);
      });
  }

  /**
   * Starts the run.
   * @returns when it starts, in milliseconds since the epoch
   * @throws {WorkerLostError}
   */
  async start(): Promise<number> {
    await Promise.race([this.#ready, this.#lost]);
    const startAt = Date.now() + LEAD_MS;
    for (const [worker, each] of this.#workers.entries())
      each.send({ order: 'start', plan: this.#plan, worker, startAt } satisfies Order);
    return startAt;
  }

  /**
   * Waits, unless a worker is lost first.
   * @throws {WorkerLostError}
   */
  async until(moment: Promise<unknown>): Promise<void> {
    await Promise.race([moment, this.#lost]);
  }

  /**
   * Ends the run in order: returns once each worker has closed its connections and given its last report.
   * @throws {WorkerLostError}
   */
  async finish(): Promise<void> {
    for (const worker of this.#workers) worker.send({ order: 'finish' } satisfies Order);
    await Promise.race([this.#final, this.#lost]);
  }

  /** Ends the processes, whatever they do, and waits until they have ended. */
  async end(): Promise<void> {
    this.#over = true;
    const living = this.#workers.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
    const ended = living.map((worker) => once(worker, 'exit'));
    for (const worker of living) worker.kill('SIGKILL');
    await Promise.all(ended);
  }

  #loss(worker: ChildProcess, index: number): Promise<never> {
    return new Promise((_resolve, reject) => {
      worker.once('exit', (code, signal) => {
        if (this.#over) return;
        const how = signal === null ? `status ${code}` : `signal ${signal}`;
        reject(new WorkerLostError(`Process ${index + 1} of the load test's own ended with ${how}; the run is void.`));
      });
    });
  }
}

type Message = WorkerReady | WorkerReport;

function heard(worker: ChildProcess, wanted: (message: Message) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const listen = (message: Message): void => {
      if (!wanted(message)) return;
      worker.off('message', listen);
      resolve();
    };
    worker.on('message', listen);
  });
}
