import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Inbox } from '../../testkit/inbox.ts';
import type { Break } from './breaks.ts';
import type { FleetOrder, FleetReport } from './fleet-process.ts';
import { until } from './wait.ts';

/** How a fleet is made. */
export interface FleetOptions {
  readonly clients: number;
  /** Messages a second of each client; 1 by default. */
  readonly messagesPerSecond?: number;
  /** Most connections begun in a second; 500 by default. */
  readonly opensPerSecond?: number;
}

/** Clients in a process of their own that send all the time, and come back whenever they are closed. */
export class Fleet {
  readonly clients: number;
  /** Most that the event loop of the clients' process has been late, in seconds: what they saw of time is no better than that. */
  lateSeconds = 0;
  readonly #child: ChildProcess;
  readonly #ended: Promise<never>;
  readonly #reports = new Inbox<FleetReport>();
  #reported = 0;

  private constructor(clients: number) {
    this.clients = clients;
    this.#child = fork(fileURLToPath(new URL('fleet-process.ts', import.meta.url)), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child.on('message', (report: FleetReport) => {
      this.lateSeconds = Math.max(this.lateSeconds, report.lateSeconds);
      this.#reports.put(report);
    });
    this.#ended = once(this.#child, 'exit').then(() => {
      throw new Error("the fleet's process ended");
    });
    this.#ended.catch(() => undefined);
  }

  /** Starts clients, and waits until all of them are connected. */
  static async start(url: string, options: FleetOptions): Promise<Fleet> {
    const { clients, messagesPerSecond = 1, opensPerSecond = 500 } = options;
    const fleet = new Fleet(clients);
    await fleet.#order({ do: 'start', url, clients, messagesPerSecond, opensPerSecond });
    await fleet.untilWhole(30);
    return fleet;
  }

  report(): Promise<FleetReport> {
    return this.#order({ do: 'report' });
  }

  /** Waits until every client is connected. */
  async untilWhole(seconds: number): Promise<void> {
    let open = 0;
    await until(`all ${this.clients} clients being connected`, seconds, async () => {
      ({ open } = await this.report());
      return open === this.clients;
    }).catch((error: unknown) => {
      throw new Error(`${String(error)} (${open} are)`, { cause: error });
    });
  }

  /** Breaks since this was last asked. Fails if there was anything that must never happen, such as a wrong count. */
  async newBreaks(): Promise<readonly Break[]> {
    const { breaks, faults, faultCount } = await this.report();
    assert.equal(faultCount, 0, `clients saw faults: ${faults.join('; ')}`);
    const fresh = breaks.slice(this.#reported);
    this.#reported = breaks.length;
    return fresh;
  }

  /** Closes every connection, and ends the process. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || !this.#child.connected) return;
    await this.#order({ do: 'stop' });
    this.#child.disconnect();
    await once(this.#child, 'exit');
  }

  #order(order: FleetOrder): Promise<FleetReport> {
    this.#child.send(order);
    return Promise.race([this.#reports.next(), this.#ended]);
  }
}
