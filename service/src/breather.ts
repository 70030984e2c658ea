/** Longest stretch of work, in milliseconds. */
const WORK_MS = 0.25;
/** Long enough for the kernel to run who waits, short enough not to slow the work. */
const NAP_MS = 0.2;
/** How often {@link Breather.breathe} is called between two looks at the clock. */
const CALLS_A_LOOK = 16;

/**
 * Divides the work of a thread that is in no hurry into short stretches, with a nap after each.
 *
 * Where cores are few, a thread that works for 6 ms on end holds up the event loop for a slice of Linux's scheduler, 3 ms or 4: a
 * thread is not preempted before, unless it is of the policy SCHED_IDLE, and a lower priority only makes slices rarer. Who sleeps
 * gives the core away at once.
 */
export class Breather {
  readonly #never = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  #calls = 0;
  #workingSince = performance.now();

  /** To be called once for each small piece of work. Sleeps if the thread has worked for long enough. */
  readonly breathe = (): void => {
    this.#calls += 1;
    if (this.#calls % CALLS_A_LOOK === 0 && performance.now() - this.#workingSince >= WORK_MS) this.nap();
  };

  /** To be called before a piece of work that takes a stretch by itself. */
  readonly nap = (): void => {
    Atomics.wait(this.#never, 0, 0, NAP_MS);
    this.#workingSince = performance.now();
  };
}
