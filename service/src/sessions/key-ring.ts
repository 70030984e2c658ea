/** The keys as they are configured now. */
export interface Keys {
  /** Secret that signs. */
  readonly key: string;
  /** Previous secret: its tokens are still valid. Empty for none. */
  readonly previousKey: string;
}

/** Options of a {@link KeyRing}. */
export interface KeyRingOptions {
  /** Seconds that what a key signed is valid. */
  readonly ttlSeconds: number;
  /** Seconds from a new key to its first signature, in which every instance gets to know it. */
  readonly delaySeconds: number;
  /** Milliseconds since 1970; `Date.now` by default. */
  readonly now?: () => number;
}

/** Maximum number of keys that are accepted: each costs an HMAC for a token that none of them signed. */
export const MAX_KEYS = 8;

/**
 * The key that signs, and those that are accepted. Instances get a new key at different times, so that it is accepted at
 * once and signs later. One that was taken away is accepted for as long as a token of any instance may be valid.
 */
export class KeyRing {
  readonly #delayMs: number;
  readonly #keepMs: number;
  readonly #now: () => number;
  /** When each accepted key ceases to be, in milliseconds since 1970; `Infinity` for those that are configured. */
  readonly #acceptedUntil = new Map<string, number>();
  #signing: string | undefined;
  #next: { readonly key: string; readonly fromMs: number } | undefined;

  constructor({ ttlSeconds, delaySeconds, now = Date.now }: KeyRingOptions) {
    this.#delayMs = delaySeconds * 1000;
    // The old key signs for one delay more, and for two where an instance sees the change by one delay later.
    this.#keepMs = (2 * delaySeconds + ttlSeconds) * 1000;
    this.#now = now;
  }

  /**
   * Takes the keys as they are now. The first time, a previous key says that the other one may be too new for the other
   * instances.
   * @returns seconds until `key` signs
   */
  set({ key, previousKey }: Keys): number {
    const now = this.#now();
    const configured = [key, previousKey].filter((each) => each !== '');
    this.#signing ??= configured.at(-1);
    this.#signNext();
    this.#replaceWithdrawn(configured);
    this.#retireAllBut(configured, now);
    for (const each of configured) this.#acceptedUntil.set(each, Infinity);
    if (key === this.#signing) this.#next = undefined;
    else if (key !== this.#next?.key) this.#next = { key, fromMs: now + this.#delayMs };
    return this.#next === undefined ? 0 : (this.#next.fromMs - now) / 1000;
  }

  /**
   * The key that signs now.
   * @throws {Error} before the first `set`
   */
  get signing(): string {
    this.#signNext();
    if (this.#signing === undefined) throw new Error('there is no key yet');
    return this.#signing;
  }

  /** The keys whose tokens are accepted now. */
  get accepted(): readonly string[] {
    const now = this.#now();
    for (const [key, untilMs] of this.#acceptedUntil) if (untilMs < now) this.#acceptedUntil.delete(key);
    return [...this.#acceptedUntil.keys()];
  }

  #signNext(): void {
    if (this.#next === undefined || this.#now() < this.#next.fromMs) return;
    this.#signing = this.#next.key;
    this.#next = undefined;
  }

  /**
   * Signs with the next key at once if the one that signs is taken away: an instance that starts from now on knows the
   * next one alone.
   */
  #replaceWithdrawn(configured: readonly string[]): void {
    const signing = this.#signing ?? '';
    if (this.#next === undefined || !configured.includes(this.#next.key) || configured.includes(signing)) return;
    if (this.#acceptedUntil.get(signing) !== Infinity) return;
    this.#signing = this.#next.key;
    this.#next = undefined;
  }

  /** Bounds the time of the keys that are not configured any more, and their number. */
  #retireAllBut(configured: readonly string[], now: number): void {
    const retired = this.accepted.filter((key) => !configured.includes(key));
    for (const key of retired) {
      const untilMs = this.#acceptedUntil.get(key);
      if (untilMs === Infinity || key === this.#signing) this.#acceptedUntil.set(key, now + this.#keepMs);
    }
    // The Map's order is that of their first appearance.
    const surplus = Math.max(0, retired.length + configured.length - MAX_KEYS);
    for (const key of retired.filter((each) => each !== this.#signing).slice(0, surplus))
      this.#acceptedUntil.delete(key);
  }
}
