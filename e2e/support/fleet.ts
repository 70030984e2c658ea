import assert from 'node:assert/strict';
import { Fleet as Clients, type FleetReport } from '../../loadtest/src/fleet.ts';
import type { Break } from '../../loadtest/src/tally.ts';

/** How a fleet is made. */
export interface FleetOptions {
  readonly clients: number;
  /** Messages a second of each client; 1 by default. */
  readonly messagesPerSecond?: number;
}

/** Time for all clients to be connected at first, in seconds. */
const OPEN_SECONDS = 30;

/**
 * Clients of the load test in a process of their own that send all the time, and come back whenever they are closed.
 * Counts are checked within a connection: the one after it may be to another pod, which has sessions of its own.
 */
export class Fleet {
  /**
   * Most that the event loop of the clients' process has been late, in seconds: what they saw of time is no better than
   * that.
   */
  lateSeconds = 0;
  readonly #clients: Clients;
  readonly #breaks: Break[] = [];

  private constructor(clients: Clients) {
    this.#clients = clients;
  }

  /** Starts clients, and waits until all of them are connected. Fails if one was refused. */
  static async start(url: string, options: FleetOptions): Promise<Fleet> {
    const fleet = new Fleet(await startClients(url, options));
    try {
      const { totals } = await fleet.untilWhole(OPEN_SECONDS);
      assert.deepEqual(totals.errorsByKind, {}, 'first connections failed');
      return fleet;
    } catch (error) {
      await fleet.#clients.end();
      throw error;
    }
  }

  /**
   * Waits until every client is connected. Fails if there was anything that must never happen, such as a wrong count.
   */
  async untilWhole(seconds: number): Promise<FleetReport> {
    const report = await this.#clients.allOpen(seconds);
    this.lateSeconds = Math.max(this.lateSeconds, report.lateMs / 1000);
    this.#breaks.push(...report.breaks);
    const faults = report.violations.map(({ kind, detail }) => `${kind}: ${detail}`);
    assert.deepEqual(faults, [], 'clients saw faults');
    return report;
  }

  /** Breaks since this was last asked, of clients that are back. */
  async newBreaks(): Promise<readonly Break[]> {
    await this.untilWhole(OPEN_SECONDS);
    return this.#breaks.splice(0);
  }

  /** Closes every connection, and ends the process. */
  async stop(): Promise<void> {
    await this.#clients.stop();
  }
}

/** Starts clients that behave well, in a process of their own. They begin to connect. */
export function startClients(url: string, { clients, messagesPerSecond = 1 }: FleetOptions): Promise<Clients> {
  return Clients.start(url, {
    clients,
    sendsPerSecond: messagesPerSecond,
    backoff: { baseMs: 200, maxMs: 5000 },
    // A reply that does not come is the service's fault to show, not the clients' to end.
    replyTimeoutMs: Infinity,
    countsKept: false,
    breaks: true,
  });
}
