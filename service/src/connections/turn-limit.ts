/**
 * Limits the time that handshakes take of one turn of the event loop: a turn may read the requests of thousands of
 * sockets, while the messages of open connections wait. Time is that of the CPU: a process that has to wait for its CPU
 * is not kept by its handshakes.
 */
export class TurnLimit {
  readonly #maxMicros: number;
  readonly #cpuMicros: () => number;
  readonly #nextTurn: (work: () => void) => void;
  /** CPU time at the first handshake of this turn. */
  #since: number | undefined;

  /**
   * @param seconds 0 is no limit
   * @param cpuMicros CPU time of this thread, in microseconds
   * @param nextTurn calls once everything that has arrived was read
   */
  constructor(
    seconds: number,
    cpuMicros: () => number = threadMicros,
    nextTurn: (work: () => void) => void = setImmediate,
  ) {
    this.#maxMicros = seconds * 1_000_000;
    this.#cpuMicros = cpuMicros;
    this.#nextTurn = nextTurn;
  }

  /** A handshake arrived. @returns whether those before it took the time of this turn */
  arrived(): boolean {
    if (this.#maxMicros === 0) return false;
    const now = this.#cpuMicros();
    if (this.#since !== undefined) return now - this.#since > this.#maxMicros;
    this.#since = now;
    this.#nextTurn(() => {
      this.#since = undefined;
    });
    return false;
  }
}

function threadMicros(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}
