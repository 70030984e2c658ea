/** Limits of one client address; 0 is no limit. */
export interface AddressLimits {
  /** Handshakes a second, with a burst of twice as many. */
  readonly handshakesPerSecond: number;
  /** Open connections. */
  readonly connections: number;
}

/** Why an address is rejected. */
export type AddressRejection = 'rate' | 'address_connections';

/** Maximum addresses in memory, so that a flood of addresses can't exhaust it. */
const MAX_REMEMBERED = 100_000;

/** Limits handshakes and connections of each client address. Without a limit it does nothing. */
export class AddressLimiter {
  readonly #limits: AddressLimits;
  readonly #burst: number;
  readonly #addresses = new Map<string, AddressUse>();
  readonly #now: () => number;

  /** @param now milliseconds on a clock that never goes back */
  constructor(limits: AddressLimits, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#burst = Math.max(1, limits.handshakesPerSecond * 2);
    this.#now = now;
  }

  /** Why a handshake would be rejected now, if it would. Counts nothing. */
  check(address: string): AddressRejection | undefined {
    const use = this.#addresses.get(address);
    return use === undefined ? undefined : this.#exceeded(use);
  }

  /** Counts a handshake. @returns why it is rejected, if it is */
  admit(address: string): AddressRejection | undefined {
    const { handshakesPerSecond, connections } = this.#limits;
    if (handshakesPerSecond === 0 && connections === 0) return undefined;
    const use = this.#use(address);
    const exceeded = this.#exceeded(use);
    if (exceeded !== 'rate') use.tokens -= 1;
    return exceeded;
  }

  /** A connection from the address opened. */
  opened(address: string): void {
    if (this.#limits.connections > 0) this.#use(address).connections += 1;
  }

  /** A connection from the address closed. */
  closed(address: string): void {
    if (this.#limits.connections === 0) return;
    const use = this.#addresses.get(address);
    if (use === undefined) return;
    use.connections -= 1;
    if (use.connections === 0 && this.#limits.handshakesPerSecond === 0) this.#addresses.delete(address);
  }

  #use(address: string): AddressUse {
    let use = this.#addresses.get(address);
    if (use === undefined) {
      if (this.#addresses.size >= MAX_REMEMBERED) this.#removeOldest();
      use = { connections: 0, tokens: this.#burst, refilledAt: this.#now() };
      this.#addresses.set(address, use);
    }
    return use;
  }

  #exceeded(use: AddressUse): AddressRejection | undefined {
    const { handshakesPerSecond, connections } = this.#limits;
    this.#refill(use);
    if (handshakesPerSecond > 0 && use.tokens < 1) return 'rate';
    if (connections > 0 && use.connections >= connections) return 'address_connections';
    return undefined;
  }

  #refill(use: AddressUse): void {
    const now = this.#now();
    use.tokens = Math.min(this.#burst, use.tokens + ((now - use.refilledAt) / 1000) * this.#limits.handshakesPerSecond);
    use.refilledAt = now;
  }

  /** Removes addresses without connections, the oldest first, a tenth at a time. */
  #removeOldest(): void {
    let left = MAX_REMEMBERED / 10;
    for (const [address, use] of this.#addresses) {
      if (left-- === 0) return;
      if (use.connections === 0) this.#addresses.delete(address);
    }
  }
}

interface AddressUse {
  connections: number;
  tokens: number;
  refilledAt: number;
}
