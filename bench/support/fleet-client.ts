import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { keepTo } from './cores.ts';
import type { DialectName } from './dialects.ts';
import type { FleetOrder, FleetReport } from './fleet.ts';

/** A fleet of clients in a process of its own, so that its work is not the measuring process' nor the server's. */
export class FleetClient {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  constructor() {
    this.#child = fork(fileURLToPath(new URL('fleet.ts', import.meta.url)), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      // A client that collects garbage often would measure its own pauses.
      execArgv: ['--max-semi-space-size=64'],
    });
    this.#ended = once(this.#child, 'exit').then(() => undefined);
  }

  /** Keeps its process off the server's core. */
  keepOffServer(): void {
    keepTo('others', this.#child.pid);
  }

  /**
   * Gives an order and waits until it is done.
   * @throws {Error} if the fleet's process ended
   */
  async order(order: FleetOrder): Promise<FleetReport> {
    this.#child.send(order);
    const answer = new Promise<FleetReport>((resolve) => {
      this.#child.once('message', resolve);
    });
    const report = await Promise.race([answer, this.#ended]);
    if (report === undefined) throw new Error(`the fleet's process ended during "${order.do}"`);
    return report;
  }

  /** Opens sockets to a server, at most `inFlight` at once. */
  open(
    port: number,
    sockets: number,
    { inFlight = 100, dialect = 'plain' }: { inFlight?: number; dialect?: DialectName } = {},
  ): Promise<FleetReport> {
    return this.order({ do: 'open', port, sockets, inFlight, dialect });
  }

  /** Ends the fleet's process and with it every socket. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.disconnect();
    await this.#ended;
  }
}
