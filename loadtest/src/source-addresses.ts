/** Codes of a connect or bind for which there is no port left. */
const NO_PORT: readonly string[] = ['EADDRNOTAVAIL', 'EADDRINUSE'];
/** Loopback addresses in use at most: 250 times the ports of one. */
const MOST = 250;

/**
 * Addresses that clients connect from: each gives as many connections to one port of a service as the system has
 * ephemeral ports.
 */
export class SourceAddresses {
  readonly #addresses: (string | undefined)[];
  readonly #mayGrow: boolean;

  /**
   * @param addresses to begin with; none leaves the choice to the system
   * @param mayGrow the service is on loopback, where all of 127.0.0.0/8 can be connected from
   */
  constructor(addresses: readonly string[], mayGrow: boolean) {
    this.#addresses = addresses.length > 0 ? [...addresses] : [undefined];
    this.#mayGrow = mayGrow;
  }

  /** Address of a client's next connection; `undefined` is the system's choice. */
  at(index: number): string | undefined {
    return this.#addresses[index % this.#addresses.length];
  }

  /**
   * Looks at a failed connection.
   * @returns whether it was for want of ports and there is another address now, so that trying again at once makes
   * sense
   */
  grew(failure: string): boolean {
    if (!NO_PORT.includes(failure) || !this.#mayGrow || this.#addresses.length >= MOST) return false;
    this.#addresses.push(loopbackAddress(this.#addresses.length));
    return true;
  }
}

/** The n-th loopback address besides 127.0.0.1, from 0: 127.0.0.2, 127.0.0.3, ... */
export function loopbackAddress(n: number): string {
  return `127.0.${Math.floor((n + 2) / 256)}.${(n + 2) % 256}`;
}
