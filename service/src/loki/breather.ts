/** How a thread divides its time, in milliseconds: the longest stretch of work, and the nap after it. */
interface Pace {
  readonly workMs: number;
  readonly napMs: number;
}

/** A tenth of the core: what the event loop needs is there for it, and a push is made and sent in some 50 ms. */
const CALM: Pace = { workMs: 0.1, napMs: 1 };
/** How long work may take at that pace: where others want the core, a nap is much longer than asked for. */
const CALM_MS = 60;
/** For one who is behind: naps just long enough for the kernel to run who waits. */
const HURRIED: Pace = { workMs: 0.25, napMs: 0.2 };
/** How often {@link Breather.breathe} is called between two looks at the clock. */
const CALLS_A_LOOK = 8;

/**
 * Divides the work of a thread that is in no hurry into short stretches, with a nap after each.
 *
 * Where cores are few, a thread that works for 6 ms on end holds up the event loop for a slice of Linux's scheduler, 3 ms or 4: a
 * thread is not preempted before, unless it is of the policy SCHED_IDLE, and a lower priority only makes slices rarer. Who sleeps
 * gives the core away at once. And who takes half of the core for some milliseconds, in however short stretches, leaves a busy
 * event loop as far behind as one stretch would.
 */
export class Breather {
  readonly #never = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  #pace = HURRIED;
  /** Until when there is time, on `performance.now`'s clock. */
  #calmUntil = 0;
  #calls = 0;
  #workingSince = performance.now();

  /** There is time for the work that begins now. */
  takeTime(): void {
    this.#calmUntil = performance.now() + CALM_MS;
  }

  /** The work piles up. */
  hurry(): void {
    this.#calmUntil = 0;
  }

  /** To be called once for each small piece of work. Sleeps if the thread has worked for long enough. */
  readonly breathe = (): void => {
    this.#calls += 1;
    if (this.#calls % CALLS_A_LOOK === 0 && performance.now() - this.#workingSince >= this.#pace.workMs) this.nap();
  };

  /** To be called before a piece of work that takes a stretch by itself. */
  readonly nap = (): void => {
    this.#pace = performance.now() < this.#calmUntil ? CALM : HURRIED;
    Atomics.wait(this.#never, 0, 0, this.#pace.napMs);
    this.#workingSince = performance.now();
  };
}
