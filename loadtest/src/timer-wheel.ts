/** Slots of a millisecond each, a power of two: entries due within 16 s are touched once. */
const SLOTS = 16_384;
/** Longest sleep: the wheel also tells how late the event loop is, for which it has to look. Milliseconds. */
const LONGEST_SLEEP_MS = 20;

/** Something to be done at a time. It is an entry of the wheel itself, so that setting a timer allocates nothing. */
export class Timer {
  /** When it is due, in milliseconds of the wheel's clock. */
  due = 0;
  /** For the wheel alone. */
  tick = 0;
  /** For the wheel alone. */
  slot = -1;
  /** For the wheel alone. */
  next: Timer | undefined;
  /** For the wheel alone. */
  previous: Timer | undefined;
  readonly run: (now: number) => void;

  constructor(run: (now: number) => void) {
    this.run = run;
  }
}

/**
 * A hashed timer wheel: one Node.js timer for any number of sockets. Entries run in the first millisecond at or after they
 * are due, never before.
 */
export class TimerWheel {
  readonly #slots: (Timer | undefined)[] = new Array<Timer | undefined>(SLOTS).fill(undefined);
  readonly #clock: () => number;
  readonly #late: (ms: number) => void;
  /** Last millisecond whose entries have run. */
  #tick: number;
  /** Timers of the slot that is run, kept to be used again. */
  readonly #due: Timer[] = [];
  readonly #onWake = (): void => {
    this.#wake();
  };
  #sleep: NodeJS.Timeout | undefined;
  #wakeAt = 0;

  /**
   * @param clock the time in milliseconds
   * @param late told at each waking how much later it was than asked for, in milliseconds: the event loop's delay
   */
  constructor(clock: () => number, late: (ms: number) => void = () => undefined) {
    this.#clock = clock;
    this.#late = late;
    this.#tick = Math.floor(clock());
  }

  start(): void {
    this.#tick = Math.floor(this.#clock());
    this.#sleepOn();
  }

  stop(): void {
    clearTimeout(this.#sleep);
  }

  /** Sets a timer, or sets it anew. A time that has passed is the next millisecond. */
  set(timer: Timer, due: number): void {
    this.clear(timer);
    timer.due = due;
    timer.tick = Math.max(this.#tick + 1, Math.ceil(due));
    const slot = timer.tick & (SLOTS - 1);
    const head = this.#slots[slot];
    timer.slot = slot;
    timer.next = head;
    if (head !== undefined) head.previous = timer;
    this.#slots[slot] = timer;
  }

  clear(timer: Timer): void {
    if (timer.slot === -1) return;
    if (timer.next !== undefined) timer.next.previous = timer.previous;
    if (timer.previous !== undefined) timer.previous.next = timer.next;
    else this.#slots[timer.slot] = timer.next;
    timer.slot = -1;
    timer.next = undefined;
    timer.previous = undefined;
  }

  /** Runs what is due. Done by the wheel's own timer once it is started. */
  turn(): void {
    const now = this.#clock();
    const last = Math.floor(now);
    while (this.#tick < last) {
      this.#tick += 1;
      this.#runSlot(this.#tick & (SLOTS - 1), now);
    }
  }

  #wake(): void {
    this.#late(Math.max(0, this.#clock() - this.#wakeAt));
    this.turn();
    this.#sleepOn();
  }

  #runSlot(slot: number, now: number): void {
    let timer = this.#slots[slot];
    // What is due is taken out first: a timer that sets or clears others must not disturb the walk.
    const due = this.#due;
    while (timer !== undefined) {
      if (timer.tick <= this.#tick) due.push(timer);
      timer = timer.next;
    }
    for (const each of due) this.clear(each);
    for (const each of due) if (each.slot === -1) each.run(now);
    due.length = 0;
  }

  #sleepOn(): void {
    let ms = 1;
    while (ms < LONGEST_SLEEP_MS && this.#slots[(this.#tick + ms) & (SLOTS - 1)] === undefined) ms += 1;
    const now = this.#clock();
    this.#wakeAt = Math.max(now, this.#tick + ms);
    this.#sleep = setTimeout(this.#onWake, Math.ceil(this.#wakeAt - now));
  }
}
